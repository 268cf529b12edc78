"""The forms that may describe a valley of the loss, all linear in their coefficients so that many fits cost little.

On u, which runs from -1 to 1 over the fitted window: polynomials of degree 2 to 4, and the LINEX function
`a + b u + c (exp(k u) - 1 - k u) / k^2` with c > 0, which is steep on one side, gentle on the other and convex on both
(k -> 0 is the parabola). Source of LINEX: H. R. Varian 1975, "A Bayesian Approach to Real Estate Assessment"; using it
for valleys of the loss, and the list of k, are our choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
FormName = Literal["parabola", "cubic", "linex", "quartic"]

_STEEPNESS: Final = (-3.0, -2.0, -1.2, -0.6, 0.6, 1.2, 2.0, 3.0)
_GRID: Final = np.linspace(-1.0, 1.0, 65)
_GRID_STEP: Final = float(_GRID[1] - _GRID[0])
_NEWTON_STEPS: Final = 2


@dataclass(frozen=True)
class Form:
    """One form; `kinds` are the values of its one nonlinear parameter, a single 0 where it has none."""

    name: FormName
    n_coefficients: int
    kinds: tuple[float, ...] = (0.0,)

    @property
    def n_parameters(self) -> int:
        """Parameters that are fitted, the nonlinear one included."""
        return self.n_coefficients + (len(self.kinds) > 1)

    def basis(self, u: FloatArray, kind: float, derivative: int = 0) -> FloatArray:
        """Returns the columns that the coefficients multiply, or their derivative in u; shape (n, n_coefficients)."""
        if kind == 0.0:
            return _power_basis(u, self.n_coefficients, derivative)
        grown = np.exp(kind * u)
        ones, zeros = np.ones_like(u), np.zeros_like(u)
        columns = {
            0: (ones, u, (grown - 1 - kind * u) / kind**2),
            1: (zeros, ones, (grown - 1) / kind),
            2: (zeros, zeros, grown),
        }[derivative]
        return np.stack(columns, axis=-1)

    def jacobian(self, u: FloatArray, kind: float, coefficients: FloatArray, derivative: int = 0) -> FloatArray:
        """Returns the derivatives of the value (or of its slope) in all parameters; shape (n, n_parameters)."""
        columns = self.basis(u, kind, derivative)
        if kind == 0.0:
            return columns
        grown = np.exp(kind * u)
        if derivative:
            by_kind = (kind * u * grown - (grown - 1)) / kind**2
        else:
            by_kind = (kind * u * (grown - 1) - 2 * (grown - 1 - kind * u)) / kind**3
        return np.column_stack([columns, coefficients[-1] * by_kind])

    @cached_property
    def grid_basis(self) -> FloatArray:
        """The columns of every kind on an even grid over the window; shape (n_kinds, n_grid, n_coefficients)."""
        return np.stack([self.basis(_GRID, kind) for kind in self.kinds])

    def __hash__(self) -> int:
        """Equal names are equal forms."""
        return hash(self.name)


FORMS: Final = (
    Form("parabola", 3),
    Form("cubic", 4),
    Form("linex", 3, _STEEPNESS),
    Form("quartic", 5),
)


@dataclass(frozen=True)
class Operators:
    """What turns means into fits of one form in one window; one entry per kind of the form in each array.

    Attributes:
        solve: Means to coefficients, shape (n_kinds, n_coefficients, n_points).
        residual: Means to residuals, shape (n_kinds, n_points, n_points).
        left_out: 1 - leverage of each point, shape (n_kinds, n_points, 1); residual / left_out is the error at a point
            that the fit has not seen.
    """

    solve: FloatArray
    residual: FloatArray
    left_out: FloatArray


@lru_cache(maxsize=1024)
def operators(form: Form, u: tuple[float, ...], weights: tuple[float, ...]) -> Operators:
    """Returns the weighted least-squares operators; sweeps share few grids, so they are kept."""
    at = np.array(u)
    weight = np.array(weights)
    design = np.stack([form.basis(at, kind) for kind in form.kinds])
    weighted = np.swapaxes(design * weight[:, None], 1, 2)
    solve = np.linalg.solve(weighted @ design, weighted)
    residual = np.eye(len(u)) - design @ solve
    left_out = np.maximum(np.diagonal(residual, axis1=1, axis2=2), 1e-12)[:, :, None]
    return Operators(solve, residual, left_out)


def fit_many(
    form: Form, parts: Operators, weights: FloatArray, means: FloatArray
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Returns the coefficients of many fits at once, each with the kind that fits best.

    Args:
        form: What to fit.
        parts: Its operators in this window.
        weights: Of each point, shape (n_points,).
        means: One fit per column, shape (n_points, n_fits).

    Returns:
        Coefficients, shape (n_coefficients, n_fits), and index of the kind, shape (n_fits,).
    """
    coefficients = parts.solve @ means
    if len(form.kinds) == 1:
        return coefficients[0], np.zeros(means.shape[1], dtype=np.intp)
    squares = np.einsum("p,kpr->kr", weights, (parts.residual @ means) ** 2)
    # A curvature that is not positive is a hill.
    kinds = np.argmin(np.where(coefficients[:, -1] > 0, squares, np.inf), axis=0)
    return np.take_along_axis(coefficients, kinds[None, None, :], axis=0)[0], kinds


def find_minima(form: Form, coefficients: FloatArray, kinds: NDArray[np.intp]) -> FloatArray:
    """Returns u of each fit's lowest local minimum inside the window; -inf or inf where it falls towards that end.

    Args:
        form: What was fitted.
        coefficients: As `fit_many` gives them, shape (n_coefficients, n_fits).
        kinds: Likewise, shape (n_fits,).
    """
    if len(form.kinds) > 1:
        return _linex_minima(np.asarray(form.kinds)[kinds], coefficients)
    values = form.grid_basis[0] @ coefficients
    inner = values[1:-1]
    is_minimum = (inner < values[:-2]) & (inner <= values[2:])
    at = np.argmin(np.where(is_minimum, inner, np.inf), axis=0)
    u = _GRID[1 + at]
    slope = _derivative(coefficients)
    curvature = _derivative(slope)
    for _ in range(_NEWTON_STEPS):
        bend = _evaluate(curvature, u)
        step = np.where(bend > 0, _evaluate(slope, u) / np.where(bend > 0, bend, 1.0), 0.0)
        u = np.clip(u - np.clip(step, -_GRID_STEP, _GRID_STEP), -1.0, 1.0)
    return np.where(is_minimum.any(axis=0), u, np.where(values[0] < values[-1], -np.inf, np.inf))


def _linex_minima(steepness: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Solves b + c (exp(k u) - 1) / k = 0; where it has no solution the curve falls towards its gentle side."""
    slope, bend = coefficients[1], np.where(coefficients[2] > 0, coefficients[2], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        u = np.log(1 - slope * steepness / bend) / steepness
    ends = np.where(np.isnan(bend), np.where(slope > 0, -np.inf, np.inf), np.where(steepness > 0, -np.inf, np.inf))
    return np.where(np.isnan(u), ends, np.where(u < -1, -np.inf, np.where(u > 1, np.inf, u)))


def _power_basis(u: FloatArray, n_coefficients: int, derivative: int) -> FloatArray:
    columns = [np.zeros_like(u)] * derivative
    power = np.ones_like(u)
    for exponent in range(derivative, n_coefficients):
        columns.append(math.perm(exponent, derivative) * power)
        power = power * u
    return np.stack(columns[:n_coefficients], axis=-1)


def _derivative(coefficients: FloatArray) -> FloatArray:
    return coefficients[1:] * np.arange(1, len(coefficients))[:, None]


def _evaluate(coefficients: FloatArray, u: FloatArray) -> FloatArray:
    value = np.zeros_like(u)
    for row in coefficients[::-1]:
        value = value * u + row
    return value
