"""Loss between the learning rates tried: the flat region around the best one, and the regret of another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from analysis.lr_curves.forms import FloatArray
from analysis.lr_curves.monotone_cubic import MonotoneCubic
from analysis.lr_curves.points import SAME_LR, standard_error, usable_points
from analysis.lr_curves.types import LocalFit, LrPoint, Noise
from analysis.runs.direction import Direction

# A learning rate within one standard error or half a percent of the best is as good (our choice of the percentage).
_FLAT_REGION_SHARE: Final = 0.005
_MIN_POINTS: Final = 3


@dataclass(frozen=True, slots=True)
class Regret:
    """How much worse a learning rate is than the best.

    Attributes:
        relative: (loss there - lowest) / lowest; None for scores and where the lowest loss is not positive.
        absolute: The same difference in the metric's unit; None where it was refused.
        method: How it was found, or why it was refused.
        lowest: The loss it was compared with, lower is better; None where it was refused.
    """

    relative: float | None
    absolute: float | None
    method: str
    lowest: float | None = None


def flat_region(
    usable: Sequence[LrPoint], x: FloatArray, losses: FloatArray, noise: Noise | None
) -> tuple[float, float] | None:
    """Returns the range of learning rates around the best within max(1 SE, 0.5 %) of it, inside what was tried.

    Args:
        usable: Usable points in ascending learning rate.
        x: Their ln(learning rate), shape (n_points,).
        losses: Their mean losses, lower is better, same shape.
        noise: Run-to-run noise, where known.
    """
    if len(x) < _MIN_POINTS:
        return None
    best = int(np.argmin(losses))
    tolerance = _FLAT_REGION_SHARE * abs(float(losses[best]))
    if noise is not None:
        tolerance = max(tolerance, standard_error(noise, usable[best].n))
    curve, level = MonotoneCubic(x, losses), float(losses[best]) + tolerance
    return math.exp(curve.reach(best, -1, level)), math.exp(curve.reach(best, 1, level))


def regret_at(learning_rate: float, points: Sequence[LrPoint], fit: LocalFit | None, *, direction: Direction) -> Regret:
    """Returns the regret of a learning rate: interpolated between those tried, never extrapolated.

    Args:
        learning_rate: Where.
        points: All points of a curve in ascending learning rate, diverged ones included.
        fit: Its local fit, if there is one.
        direction: A relative regret is for losses (`min`) only; a score's zero means nothing.
    """
    usable = usable_points(points)
    refusal = _refuse(learning_rate, points, usable)
    if refusal:
        return Regret(None, None, refusal)
    losses = lower_is_better(usable, direction)
    lowest = float(np.min(losses))
    at, rates = math.log(learning_rate), [point.learning_rate for point in usable]
    fitted = _fitted_minimum(fit, lowest)
    nearest = next((index for index, rate in enumerate(rates) if rate / SAME_LR <= learning_rate <= rate * SAME_LR), -1)
    if fitted is None and nearest >= 0:
        loss, best, method = float(losses[nearest]), lowest, "the mean measured there, against the lowest mean"
    elif fit is not None and fitted is not None and fit.lr_range[0] <= learning_rate <= fit.lr_range[1]:
        loss = float(fit.valley.values_at(np.array([at]))[0])
        best, method = fitted, f"the local fit ({fit.form}), against its minimum"
    else:
        loss = MonotoneCubic(np.log(rates), losses)(at)
        best = lowest if fitted is None else fitted
        method = (
            f"monotone cubic interpolation (PCHIP) in ln(learning rate) through {len(usable)} learning rates, against "
            f"the {'lowest mean' if fitted is None else 'fitted minimum'}"
        )
    absolute = max(loss - best, 0.0)
    if direction == "max" or best <= 0:
        return Regret(None, absolute, f"{method}; a relative regret needs a positive loss", best)
    return Regret(absolute / best, absolute, method, best)


def lower_is_better(points: Sequence[LrPoint], direction: Direction) -> FloatArray:
    """Returns the means of usable points as losses, shape (n_points,)."""
    sign = 1.0 if direction == "min" else -1.0
    return np.array([sign * (point.mean or 0.0) for point in points])


def _refuse(learning_rate: float, points: Sequence[LrPoint], usable: Sequence[LrPoint]) -> str | None:
    if len(usable) < _MIN_POINTS:
        return f"not computed: interpolation needs {_MIN_POINTS} learning rates with finite losses, not {len(usable)}"
    low, high = usable[0].learning_rate, usable[-1].learning_rate
    near_diverged = any(
        point.learning_rate / SAME_LR <= learning_rate <= point.learning_rate * SAME_LR
        for point in points
        if point not in usable
    )
    below = max((point.learning_rate for point in usable if point.learning_rate <= learning_rate * SAME_LR), default=0)
    above = min(
        (point.learning_rate for point in usable if point.learning_rate * SAME_LR >= learning_rate), default=math.inf
    )
    if near_diverged or any(below < point.learning_rate < above for point in points if point not in usable):
        return "not computed: a run diverged next to this learning rate"
    if not low / SAME_LR <= learning_rate <= high * SAME_LR:
        return "not computed: this learning rate is outside the range of finite losses tried"
    return None


def _fitted_minimum(fit: LocalFit | None, lowest: float) -> float | None:
    """Returns the fitted minimum where it is lower than anything observed beyond its own error, else None.

    A form that misses an asymmetric valley undershoots it; taken at face value that would be regret out of nothing.
    """
    if fit is None or fit.optimum_se is None:
        return None
    value = fit.sign * fit.optimum_value
    margin = float(special.stdtrit(fit.dof, 0.975)) * fit.optimum_se
    return value if value + margin < lowest else None
