"""Is it a U at all? Two tests on the runs around the best learning rate, where replicates say how large the noise is.

Sources: S. Sasabuchi 1980, Biometrika 67:429; J. T. Lind & H. Mehlum 2010, Oxf. Bull. Econ. Stat. 72:109 (slopes of a
parabola at both ends); U. Simonsohn 2018, Adv. Methods Pract. Psychol. Sci. 1:538 (two lines). Both are applied to the
window of the local fit instead of the whole range: our choice, because beyond it lies the cliff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import special

from analysis.lr_curves.fit import ValleyFit
from analysis.lr_curves.forms import FloatArray
from analysis.lr_curves.types import LrPoint, UTest

_MIN_SIDE: Final = 2  # learning rates that a line needs


def apply_u_tests(
    fits: Sequence[ValleyFit], chosen: ValleyFit | None, points: Sequence[LrPoint], sign: float
) -> UTest | None:
    """Returns the p-values of both tests, or None where no parabola was fitted.

    Args:
        fits: The fits of a window.
        chosen: The fit whose lowest point splits the two lines, or None.
        points: The points of the window, in ascending learning rate.
        sign: -1 where the metric's higher values are better, else 1.
    """
    parabola = next((fit for fit in fits if fit.form.name == "parabola"), None)
    if parabola is None or not parabola.dof:
        return None
    split = chosen.lowest if chosen else None
    return UTest(
        p_value=slopes_p_value(parabola), two_lines_p=None if split is None else two_lines_p(points, split, sign)
    )


def slopes_p_value(parabola: ValleyFit) -> float:
    """Returns the larger of two one-sided p-values: the slope is negative at the low end, positive at the high end."""
    ends = np.array(parabola.x_range)
    slopes, errors = parabola.slopes_at(ends), parabola.errors_at(ends, derivative=1)
    return max(_one_sided(slopes[0], errors[0], parabola.dof), _one_sided(-slopes[1], errors[1], parabola.dof))


def two_lines_p(points: Sequence[LrPoint], split: float, sign: float) -> float | None:
    """Returns the larger of two one-sided p-values: a line falls below the split and another one rises above it.

    Both lines are one regression over single runs, with a jump at the split and a common variance. None where a side
    has fewer than two learning rates or nothing is left for the variance.

    Args:
        points: In ascending learning rate.
        split: x = ln(learning rate) where the lines part.
        sign: -1 where the metric's higher values are better, else 1.
    """
    x = np.repeat(np.log([point.learning_rate for point in points]), [point.n for point in points])
    y = sign * np.concatenate([np.asarray(point.values, dtype=float) for point in points])
    above = x >= split
    dof = len(x) - 4
    if min(len(np.unique(x[side])) for side in (above, ~above)) < _MIN_SIDE or dof < 1:
        return None
    side = x - split
    design = np.stack([np.ones_like(x), above * 1.0, side * ~above, side * above], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    coefficients: FloatArray = inverse @ (design.T @ y)
    variance = float(np.sum((y - design @ coefficients) ** 2)) / dof
    errors = np.sqrt(variance * np.diag(inverse))
    return max(_one_sided(coefficients[2], errors[2], dof), _one_sided(-coefficients[3], errors[3], dof))


def _one_sided(slope: float, error: float, dof: int) -> float:
    """p-value of a negative slope."""
    if error <= 0:
        return 0.0 if slope < 0 else 1.0
    return float(special.stdtr(dof, slope / error))
