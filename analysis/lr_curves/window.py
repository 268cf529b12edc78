"""Which points of a U-curve belong to its valley, so that a polynomial through them describes it."""

from __future__ import annotations

from typing import Final

from analysis.lr_curves.fit import MIN_POINTS
from analysis.lr_curves.forms import FloatArray

_WINDOW: Final = 5  # points nearest to the best
# Points that belong to the valley even beyond the nearest five: within 2 % or 5 standard deviations of the best.
_NEAR_SHARE: Final = 0.02
_NEAR_SDS: Final = 5.0
# Points higher than this above the best are the cliff, not the valley; a polynomial through them misses the optimum.
_CLIFF_SHARE: Final = 0.2


def choose_window(x: FloatArray, means: FloatArray, best: int, noise_sd: float | None) -> slice:
    """Returns which neighbouring points to fit: the five nearest to the best and all others in the flat of the valley.

    Args:
        x: ln(learning rate), ascending, shape (n_points,), n_points >= 4.
        means: Mean loss at each, same shape.
        best: Index of the lowest mean.
        noise_sd: Run-to-run standard deviation, where it is known.
    """
    near = max(_NEAR_SHARE * abs(means[best]), _NEAR_SDS * (noise_sd or 0.0))
    cliff = max(_CLIFF_SHARE * abs(means[best]), near)
    rises = means - means[best]
    low, high = best, best
    while high - low + 1 < len(x):
        size = high - low + 1
        # Rounded, so that on an even grid the last digits of a logarithm do not decide which side is nearer.
        sides = sorted(_outer_neighbours(len(x), low, high), key=lambda index: round(abs(float(x[index] - x[best])), 9))
        limit = cliff if size < _WINDOW else near
        wanted = [index for index in sides if rises[index] <= limit]
        if not wanted and size >= MIN_POINTS:
            break
        chosen = wanted[0] if wanted else min(sides, key=lambda index: float(rises[index]))
        low, high = min(low, chosen), max(high, chosen)
    return slice(low, high + 1)


def _outer_neighbours(n_points: int, low: int, high: int) -> list[int]:
    return [index for index in (low - 1, high + 1) if 0 <= index < n_points]
