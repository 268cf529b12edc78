"""Where the minimum of a U-curve is, how well that is known, or why it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.lr_curves.fit import MIN_POINTS, ValleyFit, choose_fit, fit_forms
from analysis.lr_curves.forms import FloatArray
from analysis.lr_curves.interval import OptimumInterval, find_interval
from analysis.lr_curves.replicates import read_replicates
from analysis.lr_curves.types import Edge, LocalFit, LrPoint, Noise, Shape, UTest
from analysis.lr_curves.u_test import apply_u_tests
from analysis.lr_curves.window import choose_window


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the minimum is and how well that is known; `fit` only where it has a minimum inside its window."""

    argmin_lr: float | None
    optimum_lr: float | None
    method: str
    interval: tuple[float, float] | None = None
    interval_method: str = ""
    se_ln: float | None = None
    share_unbracketed: float | None = None
    fit: LocalFit | None = None
    u_test: UTest | None = None


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
        return Optimum(None, None, "none: no finite loss", None, "none: no finite loss")
    best = int(np.argmin(losses))
    argmin_lr = usable[best].learning_rate
    unknown = _why_unknown(edge, shape, len(usable))
    if unknown:
        return Optimum(argmin_lr, None, unknown, None, unknown)
    tried = f"best learning rate tried, between its neighbours ({len(usable)} learning rates with finite losses)"
    if edge == "bounded_by_divergence":
        reason = "none: the optimum is bounded by divergence, where no fit holds"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason)
    if len(usable) < MIN_POINTS:
        reason = f"none: a fit with residuals needs {MIN_POINTS} learning rates with finite losses"
        return Optimum(argmin_lr, argmin_lr, tried, None, reason)
    window = choose_window(x, losses, best, noise.sd if noise else None)
    replicates = read_replicates(usable[window], noise)
    fits = fit_forms(x[window], losses[window], replicates)
    chosen = choose_fit(_believable(fits, x, best, is_replicated=noise is not None), losses[window])
    u_test = apply_u_tests(fits, chosen, usable[window], sign) if replicates.dof else None
    if chosen is None or chosen.lowest is None:
        return Optimum(argmin_lr, argmin_lr, tried, None, _why_no_fit(fits), u_test=u_test)
    found = find_interval(fits, chosen, x[window], losses[window], replicates)
    n_points = len(x[window])
    return Optimum(
        argmin_lr=argmin_lr,
        optimum_lr=math.exp(chosen.lowest),
        method=f"lowest point of a {chosen.form.name} in ln(learning rate) through the {n_points} learning rates "
        "around the best",
        interval=_bounds(found),
        interval_method=found.method,
        se_ln=found.se,
        share_unbracketed=found.share_unbracketed,
        fit=_describe(chosen, usable[window], sign),
        u_test=u_test,
    )


def _believable(fits: Sequence[ValleyFit], x: FloatArray, best: int, *, is_replicated: bool) -> list[ValleyFit]:
    """Without replicates nothing else tells a fit that misses the shape from a noisy best point than its distance."""
    low, high = x[max(best - 1, 0)], x[min(best + 1, len(x) - 1)]
    return [fit for fit in fits if fit.lowest is not None and (is_replicated or low <= fit.lowest <= high)]


def _why_unknown(edge: Edge, shape: Shape, n_usable: int) -> str | None:
    if shape == "flat":
        return "none: the learning rate makes no difference beyond noise in the range tried"
    if edge in ("low", "high"):
        return f"none: the best learning rate is the {edge}est one tried, so it is only a bound"
    return "none: a single learning rate brackets nothing" if n_usable == 1 and edge == "soft" else None


def _why_no_fit(fits: Sequence[ValleyFit]) -> str:
    if all(fit.lowest is None for fit in fits):
        return "none: no fit around the best learning rate has a minimum inside its window"
    if any(fit.lowest is not None and fit.is_contradicted for fit in fits):
        return "none: replicates show that no smooth fit describes the curve around its minimum"
    return "none: no fit's lowest point is next to the best learning rate, so they miss the shape"


def _bounds(found: OptimumInterval) -> tuple[float, float] | None:
    return (math.exp(found.bounds[0]), math.exp(found.bounds[1])) if found.bounds else None


def _describe(fit: ValleyFit, window: Sequence[LrPoint], sign: float) -> LocalFit:
    """Returns the fit as a result to draw, in the metric's own direction (`sign` is -1 where higher is better)."""
    lowest = np.array([fit.lowest])
    return LocalFit(
        form=fit.form.name,
        lr_range=(window[0].learning_rate, window[-1].learning_rate),
        optimum_lr=math.exp(lowest[0]),
        optimum_value=sign * float(fit.values_at(lowest)[0]),
        optimum_se=float(fit.errors_at(lowest)[0]) if fit.dof else None,
        residual_sd=math.sqrt(fit.variance) if fit.dof else None,
        prediction_error=fit.prediction_error if math.isfinite(fit.prediction_error) else None,
        dof=fit.dof,
        n_points=len(window),
        valley=fit,
        sign=sign,
    )
