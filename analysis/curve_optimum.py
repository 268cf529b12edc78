"""Where the minimum of a U-curve is, how well that is known, or why it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.curve_fit import MIN_POINTS, FloatArray, Parabola, choose_window, fieller_interval, fit_parabola
from analysis.curve_types import Edge, LocalFit, LrPoint, Noise, Shape


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the minimum is and how well that is known; `parabola` only where its vertex is a minimum in its window."""

    argmin_lr: float | None
    optimum_lr: float | None
    method: str
    interval: tuple[float, float] | None
    interval_method: str
    parabola: Parabola | None
    window: slice


def find_optimum(
    usable: Sequence[LrPoint],
    x: FloatArray,
    losses: FloatArray,
    noise: Noise | None,
    edge: Edge,
    shape: Shape,
    sign: float,
) -> Optimum:
    """Returns the optimum by the local parabola, or by the best learning rate tried, or none, each with its reason.

    Args:
        usable: Usable points in ascending learning rate.
        x: Their ln(learning rate), shape (n_points,).
        losses: Their mean losses, lower is better, same shape.
        noise: Run-to-run noise, where known.
        edge: Whether the minimum is bracketed.
        shape: What the points look like.
        sign: -1 where the metric's higher values are better, else 1.
    """
    if not usable:
        return Optimum(None, None, "none: no finite loss", None, "none: no finite loss", None, slice(0, 0))
    best = int(np.argmin(losses))
    argmin_lr = usable[best].learning_rate
    unknown = _why_unknown(edge, shape, len(usable))
    if unknown:
        return Optimum(argmin_lr, None, unknown, None, unknown, None, slice(0, 0))
    tried = f"best learning rate tried, between its neighbours ({len(usable)} learning rates with finite losses)"
    if edge == "bounded_by_divergence":
        reason = "none: the optimum is bounded by divergence, where no parabola holds"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    if len(usable) < MIN_POINTS:
        reason = f"none: a fit with residuals needs {MIN_POINTS} learning rates with finite losses"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    window = choose_window(x, losses, best, noise.sd if noise else None)
    parabola = fit_parabola(x[window], [[sign * value for value in point.values] for point in usable[window]])
    lr_range = x[window][0], x[window][-1]
    if parabola.coefficients[2] <= 0 or not lr_range[0] <= parabola.vertex <= lr_range[1]:
        reason = "none: the parabola around the best learning rate has no minimum inside its window"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    interval, interval_method = _interval(parabola)
    method = f"vertex of a parabola in ln(learning rate) through the {len(x[window])} learning rates around the best"
    return Optimum(argmin_lr, math.exp(parabola.vertex), method, interval, interval_method, parabola, window)


def _why_unknown(edge: Edge, shape: Shape, n_usable: int) -> str | None:
    if shape == "flat":
        return "none: the learning rate makes no difference beyond noise in the range tried"
    if edge in ("low", "high"):
        return f"none: the best learning rate is the {edge}est one tried, so it is only a bound"
    return "none: a single learning rate brackets nothing" if n_usable == 1 and edge == "soft" else None


def _interval(parabola: Parabola) -> tuple[tuple[float, float] | None, str]:
    if parabola.dof == 0:
        return None, "none: the fit has no residual degrees of freedom"
    bounds = fieller_interval(parabola)
    if bounds is None:
        return None, "none: unbounded, the curvature is not significant at the 95 % level (Fieller)"
    spread = "misfit" if parabola.lacks_fit else "residuals"
    # A vertex known to less than a factor of e^600 overflows; such an interval says nothing.
    if max(abs(bound) for bound in bounds) > 600:
        return None, "none: practically unbounded (Fieller)"
    return (math.exp(bounds[0]), math.exp(bounds[1])), f"Fieller 95 %, t with {parabola.dof} df from the {spread}"


def describe_fit(found: Optimum, usable: Sequence[LrPoint], sign: float) -> LocalFit | None:
    """Returns the fit as a result to draw, in the metric's own direction (`sign` is -1 where higher is better)."""
    parabola = found.parabola
    if parabola is None:
        return None
    a, b, c = (sign * coefficient for coefficient in parabola.coefficients)
    window = usable[found.window]
    return LocalFit(
        center_lr=math.exp(parabola.center),
        coefficients=(a, b, c),
        lr_range=(window[0].learning_rate, window[-1].learning_rate),
        optimum_lr=math.exp(parabola.vertex),
        optimum_value=sign * parabola.value_at(parabola.vertex),
        optimum_se=parabola.se_at(parabola.vertex) if parabola.dof else None,
        residual_sd=parabola.residual_sd if parabola.dof else None,
        dof=parabola.dof,
        n_points=len(window),
    )
