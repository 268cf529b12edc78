"""The optimum of a U-curve: a parabola through the points around the minimum, and Fieller's interval of its vertex.

Everything here works on x = ln(learning rate) and on losses (lower is better); who has a score turns its sign first.
Source: statistics.md of the project's design notes, sections 1 and 2; E. C. Fieller 1954, J. R. Stat. Soc. B 16:175.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE: Final = 0.95
MIN_POINTS: Final = 4  # three points fix a parabola exactly: no residual, so no way to doubt it
_WINDOW: Final = 5
# Points that belong to the valley even beyond the nearest five: within 2 % or 5 standard deviations of the best.
_NEAR_SHARE: Final = 0.02
_NEAR_SDS: Final = 5.0
# Points higher than this above the best are the cliff, not the valley; a parabola through them misses the optimum.
_CLIFF_SHARE: Final = 0.2
_LACK_OF_FIT_LEVEL: Final = 0.05

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parabola:
    """Least-squares fit `y = a + b u + c u^2`, u = x - center, over single runs.

    Attributes:
        center: x at which u is zero.
        coefficients: (a, b, c).
        covariance: Their covariance matrix (3, 3); zeros without residual degrees of freedom.
        dof: Degrees of freedom of the variance behind it.
        residual_sd: Square root of that variance; NaN without degrees of freedom.
        lacks_fit: Whether replicates show that the curve is no parabola here; the variance then holds the misfit too.
    """

    center: float
    coefficients: tuple[float, float, float]
    covariance: FloatArray
    dof: int
    residual_sd: float
    lacks_fit: bool

    @property
    def vertex(self) -> float:
        """X of the vertex; meaningful for c > 0 only."""
        _, b, c = self.coefficients
        return self.center - b / (2 * c)

    def value_at(self, x: float) -> float:
        """Fitted loss at x."""
        u = x - self.center
        a, b, c = self.coefficients
        return a + b * u + c * u * u

    def se_at(self, x: float) -> float:
        """Standard error of the fitted loss at x; NaN without degrees of freedom."""
        u = x - self.center
        row = np.array([1.0, u, u * u])
        return math.sqrt(max(float(row @ self.covariance @ row), 0.0)) if self.dof else math.nan


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
        sides = sorted(_outer_neighbours(len(x), low, high), key=lambda index: abs(x[index] - x[best]))
        limit = cliff if size < _WINDOW else near
        wanted = [index for index in sides if rises[index] <= limit]
        if not wanted and size >= MIN_POINTS:
            break
        chosen = wanted[0] if wanted else min(sides, key=lambda index: float(rises[index]))
        low, high = min(low, chosen), max(high, chosen)
    return slice(low, high + 1)


def fit_parabola(x: FloatArray, values: Sequence[Sequence[float]]) -> Parabola:
    """Returns the least-squares parabola over all runs of a window.

    Args:
        x: ln(learning rate) of each point, shape (n_points,), at least three.
        values: Losses of the runs at each point; every point has at least one.
    """
    counts = [len(runs) for runs in values]
    xs = np.repeat(x, counts)
    ys = np.array([value for runs in values for value in runs])
    center = float(np.mean(x))
    # Columns of equal size keep the normal matrix well conditioned; scaled back below.
    scale = float(np.max(np.abs(x - center))) or 1.0
    u = (xs - center) / scale
    design = np.stack([np.ones_like(u), u, u * u], axis=1)
    q, r = np.linalg.qr(design)
    inverse = np.linalg.inv(r)
    back = np.diag([1.0, 1 / scale, 1 / scale**2])
    fitted = inverse @ (q.T @ ys)
    rss = float(np.sum((ys - design @ fitted) ** 2))
    variance, dof, lacks_fit = _residual_variance(rss, values)
    covariance = back @ (inverse @ inverse.T) @ back * (variance if dof else 0.0)
    a, b, c = (float(value) for value in back @ fitted)
    return Parabola(center, (a, b, c), covariance, dof, math.sqrt(variance) if dof else math.nan, lacks_fit)


def fieller_interval(parabola: Parabola) -> tuple[float, float] | None:
    """Returns the 95 % interval of the vertex in x, or None when it is unbounded (the curvature may be zero).

    All u with (b + 2 c u)^2 <= t^2 var(b + 2 c u): bounded only where c differs from zero at the same level.
    """
    if parabola.dof == 0:
        return None
    _, b, c = parabola.coefficients
    t2 = float(stats.t.ppf((1 + CONFIDENCE) / 2, parabola.dof)) ** 2
    v_bb, v_bc, v_cc = (float(parabola.covariance[index]) for index in ((1, 1), (1, 2), (2, 2)))
    quadratic = 4 * (c * c - t2 * v_cc)
    linear = 4 * (b * c - t2 * v_bc)
    constant = b * b - t2 * v_bb
    discriminant = linear * linear - 4 * quadratic * constant
    if quadratic <= 0 or discriminant < 0:
        return None
    root = math.sqrt(discriminant)
    middle = parabola.center
    return middle + (-linear - root) / (2 * quadratic), middle + (-linear + root) / (2 * quadratic)


def _residual_variance(rss: float, values: Sequence[Sequence[float]]) -> tuple[float, int, bool]:
    """Returns residual variance, its degrees of freedom, and whether replicates betray a lack of fit."""
    n_points = len(values)
    n_runs = sum(len(runs) for runs in values)
    dof = n_runs - 3
    if dof == 0:
        return math.nan, 0, False
    pure = sum(float(np.sum((np.asarray(runs) - np.mean(runs)) ** 2)) for runs in values)
    dof_pure, dof_misfit = n_runs - n_points, n_points - 3
    if dof_pure > 0 and dof_misfit > 0 and pure > 0:
        misfit = max(rss - pure, 0.0) / dof_misfit
        if misfit / (pure / dof_pure) > float(stats.f.ppf(1 - _LACK_OF_FIT_LEVEL, dof_misfit, dof_pure)):
            return misfit, dof_misfit, True
    return rss / dof, dof, False


def _outer_neighbours(n_points: int, low: int, high: int) -> list[int]:
    return [index for index in (low - 1, high + 1) if 0 <= index < n_points]
