"""Loss between the learning rates tried: the flat region around the best one, and the regret of another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special
from scipy.interpolate import PchipInterpolator

from analysis.lr_curves.fit import FloatArray, LocalPolynomial
from analysis.lr_curves.points import SAME_LR, standard_error
from analysis.lr_curves.types import LrPoint, Noise

# A learning rate within one standard error or half a percent of the best is as good (our choice of the percentage).
_FLAT_REGION_SHARE: Final = 0.005
_MIN_POINTS: Final = 3


@dataclass(frozen=True, slots=True)
class Regret:
    """How much worse a learning rate is than the best: relative, in the metric's unit, and how that was found."""

    relative: float | None
    absolute: float | None
    method: str


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
    curve = PchipInterpolator(x, losses)
    crossings = np.asarray(curve.solve(float(losses[best]) + tolerance, extrapolate=False), dtype=float)
    crossings = crossings[np.isfinite(crossings)]
    below, above = crossings[crossings <= x[best]], crossings[crossings >= x[best]]
    low = float(below.max()) if below.size else float(x[0])
    high = float(above.min()) if above.size else float(x[-1])
    return math.exp(low), math.exp(high)


def regret_at(
    learning_rate: float,
    points: Sequence[LrPoint],
    usable: Sequence[LrPoint],
    losses: FloatArray,
    fit: LocalPolynomial | None,
    *,
    relative: bool,
) -> Regret:
    """Returns the regret of a learning rate: interpolated between those tried, never extrapolated.

    Args:
        learning_rate: Where.
        points: All points, diverged ones included.
        usable: Usable points in ascending learning rate.
        losses: Their mean losses, lower is better, shape (n_usable,).
        fit: Local fit, if it has a minimum inside its window.
        relative: Whether a relative regret makes sense (a loss; not a score).
    """
    refusal = _refuse(learning_rate, points, usable)
    if refusal:
        return Regret(None, None, refusal)
    x = np.log([point.learning_rate for point in usable])
    at = min(max(math.log(learning_rate), float(x[0])), float(x[-1]))
    lowest = float(np.min(losses))
    fitted = _fitted_minimum(fit, lowest)
    best = lowest if fitted is None else fitted
    if fit is not None and fitted is not None and fit.x_range[0] <= at <= fit.x_range[1]:
        loss, method = fit.value_at(at), "the local fit, against its minimum"
    else:
        loss = float(PchipInterpolator(x, losses)(at))
        method = (
            f"monotone cubic interpolation (PCHIP) in ln(learning rate) through {len(usable)} learning rates, against "
            f"the {'lowest mean' if fitted is None else 'fitted minimum'}"
        )
    absolute = max(loss - best, 0.0)
    if not relative or best <= 0:
        return Regret(None, absolute, f"{method}; a relative regret needs a positive loss")
    return Regret(absolute / best, absolute, method)


def _refuse(learning_rate: float, points: Sequence[LrPoint], usable: Sequence[LrPoint]) -> str | None:
    if len(usable) < _MIN_POINTS:
        return f"not computed: interpolation needs {_MIN_POINTS} learning rates with finite losses, not {len(usable)}"
    low, high = usable[0].learning_rate, usable[-1].learning_rate
    if not low / SAME_LR <= learning_rate <= high * SAME_LR:
        return "not computed: the recommended learning rate is outside the range of finite losses tried"
    below = max(
        (point.learning_rate for point in usable if point.learning_rate <= learning_rate * SAME_LR), default=low
    )
    above = min(
        (point.learning_rate for point in usable if point.learning_rate * SAME_LR >= learning_rate), default=high
    )
    if any(below < point.learning_rate < above for point in points if point not in usable):
        return "not computed: a run diverged next to the recommended learning rate"
    return None


def _fitted_minimum(fit: LocalPolynomial | None, lowest: float) -> float | None:
    """Returns the fitted minimum where it is lower than anything observed beyond its own error, else None.

    A parabola that misses an asymmetric valley undershoots it; taken at face value that would be regret out of nothing.
    """
    if fit is None or fit.lowest is None or fit.dof == 0:
        return None
    value, error = fit.value_at(fit.lowest), fit.se_at(fit.lowest)
    margin = float(special.stdtrit(fit.dof, 0.975)) * error
    return value if value + margin < lowest else None
