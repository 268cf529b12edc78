"""The valley around the best learning rate: which form describes it, where its lowest point is, how sure that is.

Real valleys are lopsided (gentle on the left, a cliff on the right), and a parabola drags the optimum of such a valley
to the left. So several forms are fitted to the means. Those that replicates contradict are dropped (lack-of-fit F
test); of the others the one that best predicts learning rates it has not seen is used.

Everything here works on x = ln(learning rate) and on losses (lower is better); who has a score turns its sign first.
Thresholds are our choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import special

from analysis.lr_curves.forms import FORMS, FloatArray, Form, Operators, find_minima, fit_many, operators
from analysis.lr_curves.replicates import Replicates

CONFIDENCE: Final = 0.95
MIN_POINTS: Final = 4  # three points fix a parabola exactly: no residual, so no way to doubt it
_LACK_OF_FIT_LEVEL: Final = 0.05
# Errors of prediction that differ by less than this share are equal; then AICc decides.
_SAME_ERROR: Final = 0.02
# Errors below this share of the losses' range are rounding.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, eq=False)
class ValleyFit:
    """One form fitted to the means of a window by weighted least squares, on u = (x - center) / half_width.

    Attributes:
        form: Its form.
        kind: Value of the form's nonlinear parameter; 0 where it has none.
        center: x at which u is zero.
        half_width: Change of x that is one u.
        coefficients: Of the form's columns in u, shape (n_coefficients,).
        information: Sum of weight times outer product of the derivatives in all parameters, the nonlinear one last.
        variance: Of single runs, residuals and replicates together; NaN without degrees of freedom.
        dof: Degrees of freedom behind it.
        p_fit: p-value of the lack-of-fit test against replicates; None without replicates or residuals.
        prediction_error: Root mean square error at inner points left out, one at a time; infinite where that leaves
            fewer points than parameters.
        aicc: Akaike's criterion, corrected; infinite where the correction is undefined.
        lowest: x of the lowest point, or None where there is none inside the window.
    """

    form: Form
    kind: float
    center: float
    half_width: float
    coefficients: FloatArray
    information: FloatArray
    variance: float
    dof: int
    p_fit: float | None
    prediction_error: float
    aicc: float
    lowest: float | None

    @cached_property
    def covariance(self) -> FloatArray:
        """Of all parameters, the nonlinear one last; zeros without degrees of freedom."""
        inverse = np.linalg.pinv(self.information, hermitian=True)
        return np.asarray(inverse * (self.variance if self.dof else 0.0), dtype=np.float64)

    @property
    def x_range(self) -> tuple[float, float]:
        """Lowest and highest x fitted."""
        return self.center - self.half_width, self.center + self.half_width

    @property
    def is_contradicted(self) -> bool:
        """Whether replicates show that the curve has another form."""
        return self.p_fit is not None and self.p_fit < _LACK_OF_FIT_LEVEL

    def values_at(self, x: FloatArray) -> FloatArray:
        """Fitted losses, shape of x."""
        return self.form.basis(self._u(x), self.kind) @ self.coefficients

    def errors_at(self, x: FloatArray, derivative: int = 0) -> FloatArray:
        """Standard errors of the fitted losses (or of their slopes in u), shape of x; NaN without freedom."""
        if not self.dof:
            return np.full(len(x), np.nan)
        rows = self.form.jacobian(self._u(x), self.kind, self.coefficients, derivative)
        variances: FloatArray = np.sum((rows @ self.covariance) * rows, axis=1)
        return np.sqrt(np.maximum(variances, 0.0))

    def slopes_at(self, x: FloatArray, derivative: int = 1) -> FloatArray:
        """Slopes in u (or curvatures) of the fitted losses, shape of x."""
        return self.form.basis(self._u(x), self.kind, derivative) @ self.coefficients

    def _u(self, x: FloatArray) -> FloatArray:
        return np.asarray((x - self.center) / self.half_width, dtype=float)


def fit_forms(x: FloatArray, means: FloatArray, replicates: Replicates) -> list[ValleyFit]:
    """Returns the fits of all forms that the points of a window suffice for, the simplest first.

    Args:
        x: ln(learning rate) of each point, ascending, shape (n_points,), at least four.
        means: Mean loss at each, same shape.
        replicates: The noise of these points.
    """
    enough = [form for form in FORMS if form.n_parameters <= len(x) - (replicates.dof == 0)]
    return [fit_form(form, x, means, replicates) for form in enough]


def fit_form(form: Form, x: FloatArray, means: FloatArray, replicates: Replicates) -> ValleyFit:
    """Returns the fit of one form; arguments as `fit_forms`."""
    center, half_width = float(x[0] + x[-1]) / 2, float(x[-1] - x[0]) / 2
    u, weights = (x - center) / half_width, replicates.weights
    parts = operators_of(form, x, replicates)
    # Taking the lowest mean away first keeps digits that matter: valleys are shallow.
    base = float(np.min(means))
    columns = (means - base)[:, None]
    coefficients, kinds = fit_many(form, parts, weights, columns)
    coefficients[0] += base
    kind = form.kinds[int(kinds[0])]
    misfit = float(weights @ (parts.residual[kinds[0]] @ columns)[:, 0] ** 2)
    variance, dof, p_fit = _variance(misfit, len(x) - form.n_parameters, replicates)
    rows = form.jacobian(u, kind, coefficients[:, 0])
    lowest = float(find_minima(form, coefficients, kinds)[0])
    return ValleyFit(
        form=form,
        kind=kind,
        center=center,
        half_width=half_width,
        coefficients=coefficients[:, 0],
        information=rows.T @ (weights[:, None] * rows),
        variance=variance,
        dof=dof,
        p_fit=p_fit,
        prediction_error=_prediction_error(form, parts, weights, columns),
        aicc=_aicc(misfit, len(x), form.n_parameters),
        lowest=lowest * half_width + center if math.isfinite(lowest) else None,
    )


def operators_of(form: Form, x: FloatArray, replicates: Replicates) -> Operators:
    """Returns the least-squares operators of a form in a window; arguments as `fit_forms`."""
    center, half_width = float(x[0] + x[-1]) / 2, float(x[-1] - x[0]) / 2
    return operators(form, tuple(((x - center) / half_width).tolist()), tuple(replicates.weights.tolist()))


def choose_fit(fits: Sequence[ValleyFit], means: FloatArray) -> ValleyFit | None:
    """Returns the fit that predicts best what it has not seen, of those with a lowest point that nothing contradicts.

    Args:
        fits: As `fit_forms` gives them.
        means: The means they were fitted to, for the scale of rounding errors.
    """
    open_fits = [fit for fit in fits if fit.lowest is not None and not fit.is_contradicted]
    if not open_fits:
        return None
    least = min(fit.prediction_error for fit in open_fits) * (1 + _SAME_ERROR) + _ROUNDING * float(np.ptp(means))
    equal = [fit for fit in open_fits if fit.prediction_error <= least]
    return min(equal, key=lambda fit: (fit.aicc, fit.form.n_parameters))


def optimum_se(fit: ValleyFit) -> float | None:
    """Returns the standard error of the x of the lowest point, or None where there is none or nothing to tell it by.

    Delta method: the standard error of the slope there over the curvature.
    """
    if fit.dof == 0 or fit.lowest is None:
        return None
    at = np.array([fit.lowest])
    curvature = float(fit.slopes_at(at, derivative=2)[0])
    return fit.half_width * float(fit.errors_at(at, derivative=1)[0]) / curvature if curvature > 0 else None


def _variance(misfit: float, dof_misfit: int, replicates: Replicates) -> tuple[float, int, float | None]:
    """Returns the variance of single runs, its degrees of freedom, and the p-value of the lack-of-fit F test."""
    dof = dof_misfit + replicates.dof
    if dof <= 0:
        return math.nan, 0, None
    pure = replicates.variance * replicates.dof if replicates.dof else 0.0
    p_fit = None
    if replicates.dof and dof_misfit > 0 and replicates.variance > 0:
        p_fit = float(special.fdtrc(dof_misfit, replicates.dof, misfit / dof_misfit / replicates.variance))
    return (misfit + pure) / dof, dof, p_fit


def _prediction_error(form: Form, parts: Operators, weights: FloatArray, means: FloatArray) -> float:
    """Returns the error at inner points left out; the ends are left in, because without them they are extrapolated.

    For a nonlinear parameter the kind is chosen anew without each point.
    """
    n_points = len(means)
    if n_points - 1 < form.n_parameters:
        return math.inf
    residuals = parts.residual @ means
    unseen = (residuals / parts.left_out)[:, :, 0]
    squares = np.einsum("p,kpr->k", weights, residuals**2)
    without = squares[:, None] - weights * (residuals**2 / parts.left_out)[:, :, 0]
    chosen = np.argmin(without, axis=0)
    inner = unseen[chosen, np.arange(n_points)][1:-1]
    return math.sqrt(float(np.average(inner**2, weights=weights[1:-1])))


def _aicc(misfit: float, n_points: int, n_parameters: int) -> float:
    """Returns Akaike's criterion with the correction for few points; the variance counts as a parameter."""
    n_fitted = n_parameters + 1
    if n_points - n_fitted - 1 <= 0:
        return math.inf
    likelihood = n_points * math.log(max(misfit / n_points, 1e-300))
    return likelihood + 2 * n_fitted + 2 * n_fitted * (n_fitted + 1) / (n_points - n_fitted - 1)
