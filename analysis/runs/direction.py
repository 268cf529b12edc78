"""Which way a metric is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from analysis.store.schema import Direction

__all__ = ["Direction", "direction_of"]

# Words in metric names whose higher values are better; everything else is taken for a loss (our choice).
_HIGHER_IS_BETTER: Final = frozenset(
    {"acc", "accuracy", "auc", "auroc", "bleu", "chrf", "em", "f1", "match", "mcc", "precision", "r2", "recall",
     "reward", "rewards", "rouge", "rouge1", "rouge2", "rougel", "score", "solved", "success", "throughput", "win"}
)  # fmt: skip
_PASS_AT: Final = re.compile(r"pass@?\d*$|pass_at_\d+$")


def direction_of(metric: str, declared: Mapping[str, Direction] | None = None) -> Direction:
    """Returns whether lower (`min`) or higher (`max`) values of a metric are better.

    What an import declared counts; else the words of the name decide, and a name that says nothing is a loss.

    Args:
        metric: Name of the metric.
        declared: metric -> direction, as `Snapshot.metric_directions()` gives it.

    >>> direction_of("eval_loss"), direction_of("val/accuracy"), direction_of("x", {"x": "max"})
    ('min', 'max', 'max')
    """
    if declared and metric in declared:
        return declared[metric]
    words = re.split(r"[^a-z0-9@]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric).lower())
    if "loss" in words or "error" in words or "nll" in words:
        return "min"
    return "max" if any(word in _HIGHER_IS_BETTER or _PASS_AT.fullmatch(word) for word in words) else "min"
