"""Kendall's tau-b with its interval, over all pairs or only over pairs inside groups.

Source: M. G. Kendall 1945, Biometrika 33:239 (tau-b); E. C. Fieller, H. O. Hartley & E. S. Pearson 1957, Biometrika
44:470 (variance 0.437/(n - 4) of atanh tau, n > 10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.benchmarks.errors import Z_95
from analysis.benchmarks.types import Floats

FEWEST: Final = 6
"""Below this many points (or their 15 pairs) tau is noise."""
FEWEST_GROUPS: Final = 8
"""Below this many groups, resampling groups says nothing."""
_FEWEST_FIELLER: Final = 11
_MOST_RESAMPLED: Final = 1000
_N_RESAMPLES: Final = 1000
# Resampling costs n^2 each time; the width of an interval is known well enough from fewer for many points.
_MOST_WORK: Final = 1e8
_USABLE: Final = 0.9
# Above this sorting is faster than a table of all pairs.
_MOST_PAIRED: Final = 200
_PAIRED_AT_ONCE: Final = 256
_EXACT_SINGLE: Final = 2**24

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tau:
    """A rank correlation: its value and 95 % interval, or None and why."""

    value: float | None
    low: float | None
    high: float | None
    method: str


def tau_b(x: Floats, y: Floats, groups: Labels | None = None) -> float:
    """Returns Kendall's tau-b over the pairs of points (inside groups, if given); NaN where x or y never differs."""
    parts = [np.arange(len(x))] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
    sums = [_pair_sums(x[part], y[part]) for part in parts]
    concordant, in_x, in_y = (math.fsum(each) for each in zip(*sums, strict=True))
    return concordant / math.sqrt(in_x * in_y) if in_x * in_y > 0 else math.nan


def _pair_sums(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Returns concordant minus discordant ordered pairs, and those that differ in x and in y."""
    if len(x) <= _MOST_PAIRED:
        concordant, in_x, in_y = (float(pairs.sum()) for pairs in _pairs(x, y, None))
        return concordant, in_x, in_y
    in_x, in_y = (float(len(x) ** 2 - (np.unique(values, return_counts=True)[1] ** 2).sum()) for values in (x, y))
    tau = float(stats.kendalltau(x, y, method="asymptotic").statistic) if in_x * in_y > 0 else 0.0
    return tau * math.sqrt(in_x * in_y), in_x, in_y


def estimate_tau(x: Floats, y: Floats, clusters: Labels | None = None) -> Tau:
    """Returns tau-b over all pairs with its interval.

    Args:
        x: One value per point, finite.
        y: Likewise.
        clusters: Which points are no independent draws from each other (share a model ...); resampled together.
    """
    n = len(x)
    if n < FEWEST:
        return Tau(None, None, None, f"{n} rows are too few for a rank correlation (it takes {FEWEST})")
    value = tau_b(x, y)
    if math.isnan(value):
        return Tau(None, None, None, "one of the two is the same in every row")
    n_clusters = n if clusters is None else len(np.unique(clusters))
    if clusters is not None and FEWEST_GROUPS <= n_clusters < n:
        return _resampled(value, x, y, None, clusters, f"bootstrap over {n_clusters} groups")
    dependent = " as if all were independent (too few groups to resample)" if 1 < n_clusters < n else ""
    has_ties = len(np.unique(x)) < n or len(np.unique(y)) < n
    if n >= _FEWEST_FIELLER and (not has_ties or n > _MOST_RESAMPLED):
        return _fieller(value, n, f"Fieller, Hartley and Pearson 1957{dependent}")
    return _resampled(value, x, y, None, np.arange(n), f"bootstrap over {n} rows{dependent}")


def estimate_tau_within(x: Floats, y: Floats, groups: Labels) -> Tau:
    """Returns tau-b over the pairs inside groups, with a bootstrap over the points of each group."""
    sizes = np.unique(groups, return_counts=True)[1]
    n_pairs = int((sizes * (sizes - 1) // 2).sum())
    if n_pairs < FEWEST * (FEWEST - 1) // 2:
        return Tau(None, None, None, f"{n_pairs} pairs inside groups are too few")
    value = tau_b(x, y, groups)
    if math.isnan(value):
        return Tau(None, None, None, "one of the two is the same inside every group")
    if len(x) > _MOST_RESAMPLED:
        return Tau(value, None, None, "no interval: too many rows to resample")
    if len(sizes) >= FEWEST_GROUPS:
        return _resampled(value, x, y, groups, groups, f"bootstrap over {len(sizes)} groups")
    return _resampled(value, x, y, groups, None, f"bootstrap over the rows of each of {len(sizes)} groups")


def _pairs(
    x: NDArray[np.floating], y: NDArray[np.floating], groups: Labels | None, some: slice = slice(None)
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Returns, per ordered pair, the product of the signs of both differences and where each of them is not zero.

    Args:
        x: One value per point.
        y: Likewise.
        groups: Only pairs inside these count, if given.
        some: Which points come first in the pairs.
    """
    in_x = np.sign(x[some, None] - x[None, :])
    in_y = np.sign(y[some, None] - y[None, :])
    if groups is not None:
        same = groups[some, None] == groups[None, :]
        in_x, in_y = in_x * same, in_y * same
    return in_x * in_y, np.abs(in_x), np.abs(in_y)


def _fieller(value: float, n: int, method: str) -> Tau:
    centre = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    reach = Z_95 * np.sqrt(0.437 / (n - 4))
    return Tau(value, float(np.tanh(centre - reach)), float(np.tanh(centre + reach)), method)


def _resampled(value: float, x: Floats, y: Floats, groups: Labels | None, clusters: Labels | None, method: str) -> Tau:
    """Percentile bootstrap; whole clusters are drawn, or points inside each group where there are no clusters."""
    n = len(x)
    n_resamples = int(np.clip(_MOST_WORK / n**2, 200, _N_RESAMPLES))
    # Drawing a point k times is a weight of k: a resample's tau needs no matrix of its own.
    if clusters is None and groups is not None:
        weights, pairs = _draw_inside(groups, n_resamples), _pairs(x, y, groups)
    else:
        members = np.unique(np.arange(n) if clusters is None else clusters, return_inverse=True)[1]
        weights, pairs = _draw_clusters(int(members.max()) + 1, n_resamples), _summed(x, y, groups, members)
    # Sums of whole numbers up to n^2: single precision holds them exactly up to its 24 bits, in half the time.
    exact = np.float32 if n**2 < _EXACT_SINGLE else np.float64
    weights = weights.astype(exact)
    sums = [np.einsum("bi,bi->b", weights @ each.astype(exact), weights, dtype=np.float64) for each in pairs]
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = sums[0] / np.sqrt(sums[1] * sums[2])
    draws = draws[np.isfinite(draws)]
    if len(draws) < _USABLE * n_resamples:
        return Tau(value, None, None, "no interval: many resamples have nothing to compare")
    low, high = np.quantile(draws, [0.025, 0.975])
    return Tau(value, float(low), float(high), method)


def _summed(x: Floats, y: Floats, groups: Labels | None, members: Labels) -> tuple[Floats, Floats, Floats]:
    """Returns `_pairs` summed over the points of each two clusters, shape (n_clusters, n_clusters).

    Whole clusters are drawn, so that this is all a resample needs to know; all pairs of 10,000 points at once would not
    fit into memory. The sums are of whole numbers and therefore exact.
    """
    order = np.argsort(members, kind="stable")
    # Only the order of values counts, and small numbers are compared twice as fast.
    x_ranks, y_ranks = (np.unique(each, return_inverse=True)[1][order].astype(np.float32) for each in (x, y))
    members = members[order]
    groups = None if groups is None else groups[order]
    starts = np.flatnonzero(np.diff(members, prepend=-1))
    shape = (len(starts), len(starts))
    sums = (np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for first in range(0, len(members), _PAIRED_AT_ONCE):
        some = slice(first, first + _PAIRED_AT_ONCE)
        for total, pairs in zip(sums, _pairs(x_ranks, y_ranks, groups, some), strict=True):
            np.add.at(total, members[some], np.add.reduceat(pairs, starts, axis=1))
    return sums


@lru_cache(maxsize=4)
def _draw_clusters(n_clusters: int, n_resamples: int) -> Floats:
    """Returns how often each cluster is drawn, shape (n_resamples, n_clusters); shared, not to be changed."""
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples)
    return np.asarray(drawn, dtype=float)


def _draw_inside(groups: Labels, n_resamples: int) -> Floats:
    generator = np.random.default_rng(0)
    weights = np.zeros((n_resamples, len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        n = len(members)
        weights[:, members] = generator.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return weights
