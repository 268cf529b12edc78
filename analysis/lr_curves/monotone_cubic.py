"""Monotone cubic interpolation (PCHIP) through a handful of points, without scipy's interpolation package.

That package takes 0.3 s to import, a fifth of what the whole `ucurve lr-curve` of 5,000 runs may take; a test holds
this against it. Source: F. N. Fritsch and J. Butland 1984, SIAM J. Sci. Stat. Comput. 5:300 (slopes inside);
three-point ends as in C. Moler 2004, "Numerical Computing with MATLAB", section 3.6.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from analysis.lr_curves.forms import FloatArray

_HALVINGS: Final = 60
"""Halving an interval this often leaves nothing that a float can tell."""


class MonotoneCubic:
    """A cubic through points that rises and falls only where the points do.

    Args:
        x: Ascending, shape (n,), n >= 2.
        y: Values there, shape (n,).
    """

    def __init__(self, x: FloatArray, y: FloatArray) -> None:
        self._x: list[float] = x.tolist()
        self._y: list[float] = y.tolist()
        self._slopes = _slopes(self._x, self._y)

    def __call__(self, at: float) -> float:
        """Returns the value at a place between the first and the last point; outside, that of the nearest end."""
        at = min(max(at, self._x[0]), self._x[-1])
        left = min(bisect_right(self._x, at), len(self._x) - 1) - 1
        width = self._x[left + 1] - self._x[left]
        t = (at - self._x[left]) / width
        low, high = self._y[left], self._y[left + 1]
        from_slopes = (1 - t) * self._slopes[left] - t * self._slopes[left + 1]
        return low + t * t * (3 - 2 * t) * (high - low) + t * (1 - t) * width * from_slopes

    def reach(self, start: int, step: int, level: float) -> float:
        """Returns how far one can go from a point to one side before the value exceeds a level.

        Args:
            start: Index of a point whose value is at most `level`.
            step: 1 to go right, -1 to go left.
            level: The level.
        """
        index = start
        while 0 <= index + step < len(self._x) and self._y[index + step] <= level:
            index += step
        if not 0 <= index + step < len(self._x):
            return self._x[index]
        inside, outside = self._x[index], self._x[index + step]
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self(middle) <= level else (inside, middle)
        return inside


def _slopes(x: Sequence[float], y: Sequence[float]) -> list[float]:
    widths = [right - left for left, right in pairwise(x)]
    chords = [(after - before) / width for (before, after), width in zip(pairwise(y), widths, strict=True)]
    if len(chords) == 1:
        return chords * 2
    inner = [_inner_slope(*pair, *both) for pair, both in zip(pairwise(widths), pairwise(chords), strict=True)]
    return [_end_slope(*widths[:2], *chords[:2]), *inner, _end_slope(*widths[:-3:-1], *chords[:-3:-1])]


def _inner_slope(width_left: float, width_right: float, chord_left: float, chord_right: float) -> float:
    """Returns the weighted harmonic mean of the chords, 0 at a turn."""
    if chord_left * chord_right <= 0:
        return 0.0
    weight_left, weight_right = 2 * width_right + width_left, width_right + 2 * width_left
    return (weight_left + weight_right) / (weight_left / chord_left + weight_right / chord_right)


def _end_slope(width: float, next_width: float, chord: float, next_chord: float) -> float:
    slope = ((2 * width + next_width) * chord - width * next_chord) / (width + next_width)
    if slope * chord <= 0:
        return 0.0
    turns = chord * next_chord <= 0
    return 3 * chord if turns and abs(slope) > 3 * abs(chord) else slope
