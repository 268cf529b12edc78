"""What was chosen and what was measured: not every key of a configuration is a hyperparameter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.runs.configuration import GROUP_KEYS, GroupValue
from analysis.runs.trials import varying_keys

# A whole number or text that is different in each of so many trials names them (our choice).
_FEWEST_NAMES: Final = 10
_MEASURED: Final = frozenset(
    {"acc", "accuracy", "bytes", "duration", "elapsed", "flops", "forgetting", "loss", "mem", "memory", "perplexity",
     "ppl", "runtime", "s", "score", "seconds", "secs", "throughput", "time", "wall"}
)  # fmt: skip
SEARCH_KEYS: Final = ("search_strategy", "sampler")
"""Who proposed a trial is no property of the trial."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The hyperparameters that vary, learning rate first, and the keys that vary but are none, with the reason."""

    keys: tuple[str, ...]
    left_out: Mapping[str, str]


def find_parameters(columns: Mapping[str, Sequence[GroupValue]], trials: Sequence[Sequence[int]]) -> Parameters:
    """Returns which keys were chosen differently between trials; what was measured or names the trial was not.

    The schema's own hyperparameters always count. Of other keys, imports keep everything that a table holds.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        trials: Rows of each trial.
    """
    varying = varying_keys(columns, trials)
    reasons = {key: _why_not(key, [columns[key][rows[0]] for rows in trials]) for key in varying}
    left_out = {key: why for key, why in reasons.items() if why is not None}
    return Parameters(tuple(key for key in varying if key not in left_out), left_out)


def is_number(value: GroupValue) -> bool:
    """Whether a configuration value is a number; true and false are names."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _why_not(key: str, values: Sequence[GroupValue]) -> str | None:
    if key in GROUP_KEYS or key == "learning_rate":
        return None
    if key in SEARCH_KEYS:
        return "it says who proposed the trial"
    distinct = set(values)
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()))
    if words & _MEASURED and 2 * len(distinct) > len(values) and any(is_number(value) for value in values):
        return "it was measured, not chosen"
    if len(distinct) == len(values) >= _FEWEST_NAMES and all(isinstance(value, str | int) for value in values):
        return "it names the trial"
    return None
