"""Two slopes with a break against the single power law.

The break is one batch size for all settings, or one multiple of each setting's best batch size (the one with the best
metric): on real grids the slope differs strongly below and above it. Both are tried, the better one is reported, and
the p-value knows that the place and the kind of the break were searched for.

Source: R. B. Davies 1987, Biometrika 74:33 (a break that exists only under the alternative), by simulation; the
intervals linearise the hinge in its break as well (Gauss-Newton).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.scaling.power_law import Law
from analysis.scaling.types import Hinge, Interval, OptimumPoint
from analysis.scaling.weighted_fit import MIN_DOF, FloatArray, estimate, solve

_MIN_PLACES: Final = 5
_N_BREAKS: Final = 80
_N_DRAWS: Final = 1999
_SEED: Final = 20_260_101
# Weighted squares below this are rounding, not misfit: a thousandth of a standard error per point.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Search:
    """The breaks of one kind: the axis they are on and their places on it."""

    relative: bool
    x: FloatArray
    breaks: FloatArray


def fit_hinge(points: Sequence[OptimumPoint], best_x: Sequence[float]) -> Hinge:
    """Returns the best hinge over all settings, or why there is none.

    Args:
        points: The points of the pooled law.
        best_x: For each point its setting's best batch size.
    """
    n_places = len({point.x for point in points})
    if n_places < _MIN_PLACES:
        return Hinge(reason=f"a break needs optima at {_MIN_PLACES} batch sizes, there are {n_places}")
    law = Law(points)
    dof = len(points) - law.design.shape[1] - 2
    if dof < MIN_DOF:
        return Hinge(reason=f"a break needs more optima than {len(points)} in {len(law.labels)} settings")
    searches = _searches(law, np.log(best_x))
    kinks = np.column_stack([np.maximum(one.x[:, None] - one.breaks, 0.0) for one in searches])
    gains, p_value = _gains(law, kinks)
    at = int(np.argmax(gains))
    chosen, at = (searches[0], at) if at < len(searches[0].breaks) else (searches[1], at - len(searches[0].breaks))
    return _describe(law, chosen, float(chosen.breaks[at]), np.log(best_x), p_value)


def _searches(law: Law, ln_best: FloatArray) -> list[_Search]:
    axes = [(False, law.x)]
    if len(law.labels) > 1 and len(set(ln_best)) > 1:  # with one best batch size both kinds are the same model
        axes.append((True, law.x - ln_best))
    return [_Search(relative, x, _candidates(x)) for relative, x in axes]


def _candidates(x: FloatArray) -> FloatArray:
    """Returns breaks with two places or more on either side."""
    places = np.unique(np.round(x, 9))
    return np.linspace(places[1], places[-2], _N_BREAKS)


def _gains(law: Law, kinks: FloatArray) -> tuple[FloatArray, float]:
    """Returns by how much each kink lowers the weighted squares, and the p-value of the largest share of them."""
    root = np.sqrt(law.weights)
    q, _ = np.linalg.qr(law.design * root[:, None])
    weighted = kinks * root[:, None]
    weighted -= q @ (q.T @ weighted)
    norms = np.sqrt(np.maximum(np.sum(weighted**2, axis=0), 1e-12))
    directions = weighted / norms
    residuals = root * law.residuals
    gains = (directions.T @ residuals) ** 2
    total = float(residuals @ residuals)
    if total <= _ROUNDING * len(residuals):
        return gains, 1.0
    draws = np.random.default_rng(_SEED).standard_normal((len(residuals), _N_DRAWS))
    draws -= q @ (q.T @ draws)
    shares = np.max((directions.T @ draws) ** 2, axis=0) / np.sum(draws**2, axis=0)
    n_above = int(np.sum(shares >= float(np.max(gains)) / total))
    return gains, (1 + n_above) / (1 + _N_DRAWS)


def _describe(law: Law, search: _Search, at: float, ln_best: FloatArray, p_value: float) -> Hinge:
    below, above = np.minimum(search.x - at, 0.0), np.maximum(search.x - at, 0.0)
    design = np.column_stack([law.dummies, below, above])
    coefficients = solve(design, law.y, law.weights)
    residuals = law.y - design @ coefficients
    slopes = float(coefficients[-2]), float(coefficients[-1])
    by_break = -np.where(search.x < at, slopes[0], slopes[1])
    found = estimate(
        np.column_stack([design, by_break]),
        residuals,
        law.weights,
        law.clusters,
        np.append(coefficients, at),
        "setting",
    )
    n_points = len(law.y)
    floor = _ROUNDING * n_points
    before = max(float(law.weights @ law.residuals**2), floor)
    after = max(float(law.weights @ residuals**2), floor)
    gain = n_points * math.log(before / after)
    middle = float(np.mean([ln_best[law.dummies[:, column] > 0][0] for column in range(len(law.labels))]))
    ln_break = at + middle if search.relative else at
    return Hinge(
        reason=None,
        relative=search.relative,
        break_ratio=math.exp(ln_break - middle),
        break_batch_size=math.exp(ln_break),
        interval_break=_exp(found[-1].interval, ln_break - at),
        alpha_below=slopes[0],
        alpha_above=slopes[1],
        interval_below=found[-3].interval,
        interval_above=found[-2].interval,
        interval_method=found[-2].method,
        delta_aic=gain - 4,
        delta_bic=gain - 2 * math.log(n_points),
        p_value=p_value,
    )


def _exp(interval: Interval | None, shift: float) -> Interval | None:
    """Returns an interval of ln as one of the number; None where the slopes are so alike that it is meaningless."""
    if interval is None or max(abs(interval[0]), abs(interval[1])) > 100:
        return None
    return math.exp(interval[0] + shift), math.exp(interval[1] + shift)
