"""From a U-curve to the optimum that a scaling law may use: its place, its error, or the reason why it is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from analysis.lr_curves.types import LrCurve
from analysis.scaling.types import Bound, Source

# No optimum is known better than to a twentieth of the grid's step: the form of the fit is not (our choice).
_FINEST_SHARE: Final = 0.05
_UNIFORM: Final = math.sqrt(12)


@dataclass(frozen=True, slots=True)
class Optimum:
    """An optimal learning rate with the standard error of its logarithm."""

    lr: float
    se_ln: float
    source: Source


@dataclass(frozen=True, slots=True)
class NoOptimum:
    """Why a curve gives none, and the bound that it gives instead."""

    reason: str
    bound: Bound | None = None
    bound_lr: float | None = None


def read_optimum(curve: LrCurve) -> Optimum | NoOptimum:
    """Returns the optimum of a curve, or why it has none that a law could use.

    A minimum at the edge of what was tried is only a bound. One that noise cannot tell from the edge counts only where
    its fit has a bounded interval. A best learning rate next to a diverged one is bracketed and counts.
    """
    problem = _why_none(curve)
    if problem is not None:
        return problem
    assert curve.optimum_lr is not None  # noqa: S101 - what `_why_none` has just made sure of
    # Without a bounded interval the curvature is not significant, and neither is the fit's optimum.
    if curve.optimum_se_ln is None or curve.interval is None:
        assert curve.argmin_lr is not None  # noqa: S101 - a curve with an optimum has a best point
        return Optimum(curve.argmin_lr, _grid_se(curve, curve.argmin_lr), "grid")
    finest = _FINEST_SHARE * math.log(curve.lr_step) if curve.lr_step and curve.lr_step > 1 else 0.0
    return Optimum(curve.optimum_lr, max(curve.optimum_se_ln, finest), "fit")


def _why_none(curve: LrCurve) -> NoOptimum | None:
    lr = curve.argmin_lr
    if lr is None:
        lowest = curve.points[0].learning_rate if curve.points else None
        reason = "every run diverged" if curve.points else "no run has finished"
        return NoOptimum(reason, "at_most" if lowest else None, lowest)
    if curve.shape == "flat":
        return NoOptimum("flat: the learning rate makes no difference beyond noise")
    if curve.edge in ("low", "high"):
        return NoOptimum(
            f"the best learning rate is the {curve.edge}est one tried",
            "at_most" if curve.edge == "low" else "at_least",
            _edge_bound(curve, lr),
        )
    if curve.shape == "too_few":
        return NoOptimum("fewer than three learning rates with finite losses")
    if curve.edge == "soft" and curve.interval is None:
        return NoOptimum("noise cannot tell the minimum from the edge of what was tried")
    return NoOptimum(curve.optimum_method) if curve.optimum_lr is None else None


def _edge_bound(curve: LrCurve, lr: float) -> float:
    """Returns the bound that a best learning rate at the edge gives: half the way back to its neighbour.

    The best of a grid is the point nearest to the optimum, so the optimum may lie a little inside the edge.
    """
    rates = [point.learning_rate for point in curve.points if point.n > 0]
    inside = [rate for rate in rates if rate != lr]
    nearest = min(inside, key=lambda rate: abs(math.log(rate / lr)), default=lr)
    return math.sqrt(lr * nearest)


def _grid_se(curve: LrCurve, lr: float) -> float:
    """Returns the rounding error of a grid's best point: uniform over what it stands for, SD = width / sqrt(12).

    It stands for half the way to either neighbour, and for all the way to a neighbour that diverged.
    """
    index = [point.learning_rate for point in curve.points].index(lr)
    width = 0.0
    for at in (index - 1, index + 1):
        if 0 <= at < len(curve.points):
            point = curve.points[at]
            width += abs(math.log(point.learning_rate / lr)) * (1.0 if point.n_diverged else 0.5)
    return width / _UNIFORM
