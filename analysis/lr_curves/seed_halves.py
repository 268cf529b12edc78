"""Regret without the winner's curse: the best learning rate is chosen on half of the seeds, measured on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.lr_curves.monotone_cubic import MonotoneCubic
from analysis.lr_curves.points import usable_points
from analysis.lr_curves.types import LrPoint
from analysis.runs.direction import Direction


def regret_by_halves(learning_rate: float, points: Sequence[LrPoint], direction: Direction) -> float | None:
    """Returns loss at a learning rate minus loss at the best one, in the metric's unit; may be negative by chance.

    Both roles of the halves are averaged. Halves go by the order of the seeds, so that shared seeds stay together.

    Args:
        learning_rate: Where, inside the range tried.
        points: All points of a curve.
        direction: Whether lower or higher is better.

    Returns:
        The regret, or None where a usable point has a single run.
    """
    usable = usable_points(points)
    if len(usable) < 2 or min(point.n for point in usable) < 2:
        return None
    sign = 1.0 if direction == "min" else -1.0
    halves = [np.array([sign * _half_mean(point, which) for point in usable]) for which in (0, 1)]
    x = np.log([point.learning_rate for point in usable])
    at = math.log(learning_rate)
    differences = [
        MonotoneCubic(x, measured)(at) - float(measured[int(np.argmin(chosen))])
        for chosen, measured in (halves, halves[::-1])
    ]
    return sum(differences) / 2


def _half_mean(point: LrPoint, which: int) -> float:
    order = sorted(range(point.n), key=lambda index: (str(point.seeds[index]), point.run_ids[index]))
    return float(np.mean([point.values[index] for index in order[which::2]]))
