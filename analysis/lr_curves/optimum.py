"""Where the minimum of a U-curve is, how well that is known, or why it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.lr_curves.fit import MIN_POINTS, FloatArray, LocalPolynomial, fit_valley, optimum_interval
from analysis.lr_curves.types import Edge, LocalFit, LrPoint, Noise, Shape
from analysis.lr_curves.window import choose_window


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the minimum is and how well that is known; `fit` only where it has a minimum inside its window."""

    argmin_lr: float | None
    optimum_lr: float | None
    method: str
    interval: tuple[float, float] | None
    interval_method: str
    fit: LocalPolynomial | None
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
    """Returns the optimum by the local fit, or by the best learning rate tried, or none, each with its reason.

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
        reason = "none: the optimum is bounded by divergence, where no fit holds"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    if len(usable) < MIN_POINTS:
        reason = f"none: a fit with residuals needs {MIN_POINTS} learning rates with finite losses"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    window = choose_window(x, losses, best, noise.sd if noise else None)
    fit = fit_valley(x[window], [[sign * value for value in point.values] for point in usable[window]])
    if fit.lowest is None:
        reason = "none: the fit around the best learning rate has no minimum inside its window"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    if noise is None and not x[max(best - 1, 0)] <= fit.lowest <= x[min(best + 1, len(x) - 1)]:
        # Without replicates nothing else tells a fit that misses the shape from a noisy best point.
        reason = "none: the fit's lowest point is not next to the best learning rate, so it misses the shape"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    if fit.lacks_fit:
        reason = "none: replicates show that no smooth fit describes the curve around its minimum"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason, None, slice(0, 0))
    interval, interval_method = _interval(fit)
    name = "parabola" if fit.degree == 2 else "cubic"
    method = (
        f"lowest point of a {name} in ln(learning rate) through the {len(x[window])} learning rates around the best"
    )
    return Optimum(argmin_lr, math.exp(fit.lowest), method, interval, interval_method, fit, window)


def _why_unknown(edge: Edge, shape: Shape, n_usable: int) -> str | None:
    if shape == "flat":
        return "none: the learning rate makes no difference beyond noise in the range tried"
    if edge in ("low", "high"):
        return f"none: the best learning rate is the {edge}est one tried, so it is only a bound"
    return "none: a single learning rate brackets nothing" if n_usable == 1 and edge == "soft" else None


def _interval(fit: LocalPolynomial) -> tuple[tuple[float, float] | None, str]:
    if fit.dof == 0:
        return None, "none: the fit has no residual degrees of freedom"
    bounds = optimum_interval(fit)
    # exp() of more than this overflows; an interval that wide says nothing anyway.
    if bounds is None or max(abs(bound) for bound in bounds) > 600:
        reason = "the curvature is not significant" if fit.degree == 2 else "it reaches the end of the fitted window"
        return None, f"none: unbounded at the 95 % level, {reason}"
    curve = "parabola" if fit.degree == 2 else "cubic"
    return (math.exp(bounds[0]), math.exp(bounds[1])), f"Fieller 95 % of a {curve}, t with {fit.dof} df"


def describe_fit(found: Optimum, usable: Sequence[LrPoint], sign: float) -> LocalFit | None:
    """Returns the fit as a result to draw, in the metric's own direction (`sign` is -1 where higher is better)."""
    fit = found.fit
    if fit is None or fit.lowest is None:
        return None
    window = usable[found.window]
    return LocalFit(
        center_lr=math.exp(fit.center),
        coefficients=tuple(sign * coefficient for coefficient in fit.coefficients),
        lr_range=(window[0].learning_rate, window[-1].learning_rate),
        optimum_lr=math.exp(fit.lowest),
        optimum_value=sign * fit.value_at(fit.lowest),
        optimum_se=fit.se_at(fit.lowest) if fit.dof else None,
        residual_sd=fit.residual_sd if fit.dof else None,
        dof=fit.dof,
        n_points=len(window),
    )
