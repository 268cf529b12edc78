"""Which part of the loss axis shows the valley: beside a cliff of ten nats, a U of a tenth of a nat looks flat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis.lr_curves.types import LrCurve

_NEIGHBOURHOOD: Final = 10.0
"""Ratio of learning rates on either side of the best one that belongs to its valley. Our choice: one decade."""
_ROOM: Final = 0.15
_LEAST_HEIGHT: Final = 0.05
"""A valley is never framed tighter than this share of its best value, or noise would look like a valley."""
_WORTH_IT: Final = 3.0
"""The valley is framed only where the whole range is this many times taller (our choice)."""


def valley_range(curves: Sequence[LrCurve]) -> tuple[float, float] | None:
    """Returns the limits of a loss axis that show every curve within a decade of its best learning rate.

    Returns:
        (low, high) in the metric's unit, or None where the whole range shows the valley well enough.
    """
    means = [point.mean for curve in curves for point in curve.points if point.mean is not None]
    # A lone mean has no valley; one that blew up would stretch the axis over all others.
    shaped = [curve for curve in curves if sum(point.mean is not None for point in curve.points) > 1]
    near = [mean for curve in shaped or curves for mean in _near(curve)]
    if not near:
        return None
    low, high = min(near), max(near)
    room = _ROOM * (high - low)
    if max(means) - min(means) <= _WORTH_IT * (high - low + 2 * room):
        return None
    return low - room, high + room


def count_outside(curves: Sequence[LrCurve], limits: tuple[float, float]) -> int:
    """Returns how many means lie outside the limits."""
    low, high = limits
    means = [point.mean for curve in curves for point in curve.points if point.mean is not None]
    return sum(not low <= mean <= high for mean in means)


def _near(curve: LrCurve) -> list[float]:
    """Means within a decade of the best learning rate, the steep side cut at the height of the gentle one.

    A cliff can begin right beside the minimum, so one decade of it may already be too tall.
    """
    if curve.argmin_lr is None or curve.best_mean is None:
        return []
    best_lr, best = curve.argmin_lr, curve.best_mean
    pairs = [(point.learning_rate, point.mean) for point in curve.points if point.mean is not None]
    below = [mean for rate, mean in pairs if best_lr / _NEIGHBOURHOOD <= rate < best_lr]
    above = [mean for rate, mean in pairs if best_lr < rate <= best_lr * _NEIGHBOURHOOD]
    sides = [max(side, key=lambda mean: abs(mean - best)) for side in (below, above) if side]
    gentle = min((abs(mean - best) for mean in sides), default=0.0)
    height = max(gentle, _LEAST_HEIGHT * abs(best))
    return [mean for mean in [*below, best, *above] if abs(mean - best) <= height]
