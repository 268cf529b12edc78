"""Where most values lie: a few that blew up would squeeze everything else into a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.runs.direction import Direction

_BULK: Final = 0.9
"""Share of the values that the frame holds, the worst ones left out (our choice)."""
_WORTH_IT: Final = 3.0
"""Values are framed only where the whole range is this many times wider (our choice)."""


def worst_shown(values: Sequence[float], direction: Direction) -> float | None:
    """Returns the worst value of the better nine tenths, or None where the whole range shows them well enough.

    Args:
        values: Finite.
        direction: Whether lower or higher is better.
    """
    if len(values) < 2:
        return None
    losses = np.asarray(values, dtype=float) * (1.0 if direction == "min" else -1.0)
    edge = float(np.quantile(losses, _BULK, method="lower"))
    best, worst = float(losses.min()), float(losses.max())
    if edge <= best or worst - best <= _WORTH_IT * (edge - best):
        return None
    return edge if direction == "min" else -edge
