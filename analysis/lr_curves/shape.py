"""What the points of a curve look like: is the minimum bracketed, is it a U at all?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.lr_curves.forms import FloatArray
from analysis.lr_curves.points import noise_threshold
from analysis.lr_curves.types import Edge, LrPoint, Noise, Shape

# Means that differ by less than two standard deviations of single runs are no evidence that the learning rate matters.
_FLAT_SDS: Final = 2.0
# Without replicates the noise is unknown; then only these relative differences count (our choice).
_FLAT_SHARE: Final = 0.001
_TURN_SHARE: Final = 0.005


def classify_edge(
    points: Sequence[LrPoint], usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None, *, is_flat: bool
) -> Edge:
    """Returns whether what was tried brackets the minimum.

    Args:
        points: All points, diverged ones included, in ascending learning rate.
        usable: Those that may be the minimum.
        means: Their mean losses, shape (n_usable,).
        noise: Run-to-run noise, where known.
        is_flat: Whether no learning rate differs from another beyond noise.
    """
    if not usable:
        return "low"  # everything diverged: the optimum is below what was tried
    if is_flat:
        return "soft"
    best = int(np.argmin(means))
    at_low, at_high = best == 0, best == len(usable) - 1
    diverged = [point.learning_rate for point in points if point.n_diverged > 0]
    lr = usable[best].learning_rate
    if (at_high and any(rate > lr for rate in diverged)) or (at_low and any(rate < lr for rate in diverged)):
        return "bounded_by_divergence"
    if at_low and at_high:
        return "soft"  # a single learning rate is bracketed by nothing
    if at_low or at_high:
        return "low" if at_low else "high"
    return "soft" if soft_sides(usable, means, noise) else "none"


def soft_sides(usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None) -> tuple[str, ...]:
    """Returns the ends (`low`, `high`) of the tried range whose loss noise cannot tell from the minimum's."""
    best = int(np.argmin(means))
    ends = {"low": 0, "high": len(usable) - 1}
    return tuple(
        side
        for side, end in ends.items()
        if end != best and means[end] - means[best] < _smallest_rise(usable, means, noise, end, best)
    )


def classify_shape(usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None) -> Shape:
    """Returns what the usable points look like; turns count only where they exceed the noise."""
    if len(usable) < 3:
        return "too_few"
    if is_flat(means, noise):
        return "flat"
    directions = _significant_directions(usable, means, noise)
    if len(directions) > 2 or directions == [1, -1]:
        return "several_minima"
    is_interior = 0 < int(np.argmin(means)) < len(means) - 1
    return "u" if is_interior and not soft_sides(usable, means, noise) else "monotone"


def is_flat(means: FloatArray, noise: Noise | None) -> bool:
    """Returns whether three or more means lie within two run-to-run standard deviations of each other."""
    if len(means) < 3:
        return False
    spread = float(np.max(means) - np.min(means))
    return spread < (_FLAT_SDS * noise.sd if noise else _FLAT_SHARE * abs(float(np.min(means))))


def _smallest_rise(usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None, end: int, best: int) -> float:
    if noise is None:
        return _FLAT_SHARE * abs(float(means[best]))
    return noise_threshold(noise, usable[end].n, usable[best].n)


def _significant_directions(usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None) -> list[int]:
    """Returns the alternating directions (-1 down, 1 up) of the curve, wiggles within noise smoothed away.

    Follows the curve from its start, keeping the lowest and the highest point since the last turn; a turn is a move
    away from one of them that exceeds what noise explains. So a slow climb counts though each of its steps is small.
    """
    directions: list[int] = []
    lowest = highest = 0
    for index in range(1, len(means)):
        lowest = index if means[index] < means[lowest] else lowest
        highest = index if means[index] > means[highest] else highest
        for direction, extreme in ((1, lowest), (-1, highest)):
            moved = abs(float(means[index] - means[extreme]))
            if moved > _turn_threshold(usable, means, noise, index, extreme):
                if not directions or directions[-1] != direction:
                    directions.append(direction)
                lowest = highest = index
                break
    return directions


def _turn_threshold(
    usable: Sequence[LrPoint], means: FloatArray, noise: Noise | None, index: int, extreme: int
) -> float:
    if noise is None:
        return _TURN_SHARE * abs(float(np.min(means)))
    return noise_threshold(noise, usable[index].n, usable[extreme].n)
