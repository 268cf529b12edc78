"""What the runs say about the true means: probability of being the best, rank intervals, and an honest winner's mean.

Empirical Bayes: the configurations themselves say how means are distributed, so that the lowest of many noisy means is
believed only as far as its lead goes beyond what luck gives the lowest of so many (B. Efron 2011, JASA 106:1602). The
distribution is a histogram fitted by maximum likelihood (J. Kiefer & J. Wolfowitz 1956, Ann. Math. Stat. 27:887) with
the weight of one configuration spread evenly over it (our choice), so that a few are not taken for the whole truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.ranking.noise import Noise

Floats = NDArray[np.float64]

# Draws, fewer where there are many configurations: at 1,000 a probability is known to 0.016 (one standard error).
_MOST_DRAWS: Final = 5_000
_FEWEST_DRAWS: Final = 1_000
_MOST_DRAWN: Final = 1_000_000
_ROUNDS: Final = 60
# The grid is a quarter of a standard error near the best and a fortieth of the distance far from it (our choice).
_NEAR_SPACING: Final = 0.25
_FAR_SPACING: Final = 1 / 40
_MARGIN: Final = 4.0
_MOST_POINTS: Final = 500


@dataclass(frozen=True, slots=True)
class Posterior:
    """One entry per configuration: probability of being the best, 95 % interval of the rank, and expected true mean."""

    p_best: tuple[float, ...]
    rank_intervals: tuple[tuple[int, int], ...]
    means: tuple[float, ...]


def compute_posterior(noise: Noise, seed: int = 0) -> Posterior:
    """Returns what the runs say about the true means; repeatable for a seed."""
    if not noise.ses.max() > 0:
        return _without_noise(noise.means)
    best = float(noise.means.min())
    # Replicates that happen to agree are not without noise where others differ.
    ses = np.maximum(noise.ses, noise.ses[noise.ses > 0].min())
    edges = _grid(noise.means - best, ses)
    weights = _fit(noise.means - best, ses, noise.dofs, edges)
    generator = np.random.default_rng(seed)
    n = len(noise.means)
    draws = _draw(weights, edges, min(max(_MOST_DRAWN // n, _FEWEST_DRAWS), _MOST_DRAWS), generator)
    # Seeds are a block: one draw of their effects moves all configurations, each as far as its own seeds go.
    draws += noise.shifts @ generator.standard_t(noise.dof, (noise.shifts.shape[1], draws.shape[1]))
    p_best = np.bincount(np.argmin(draws, axis=0), minlength=n) / draws.shape[1]
    ranks = np.argsort(np.argsort(draws, axis=0), axis=0) + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=1, method="nearest")
    return Posterior(
        tuple(p_best.tolist()),
        tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple((best + weights @ ((edges[1:] + edges[:-1]) / 2)).tolist()),
    )


def _without_noise(means: Floats) -> Posterior:
    """Replicates that agree to the last digit: the best is the best, and equals share the probability."""
    best = means == means.min()
    ordered = np.sort(means)
    low = np.searchsorted(ordered, means, side="left") + 1
    high = np.searchsorted(ordered, means, side="right")
    return Posterior(
        tuple((best / best.sum()).tolist()),
        tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple(means.tolist()),
    )


def _grid(means: Floats, ses: Floats) -> Floats:
    """Returns the edges of the histogram's bins, fine near the best mean, which is zero."""
    better = np.argsort(means, kind="stable")[: (len(means) + 1) // 2]
    unit = max(float(ses[better[0]]), float(np.median(ses[better])))
    span = max(float((means + 3 * ses).max()), _MARGIN * unit)
    edges = [-_MARGIN * unit]
    while edges[-1] < span and len(edges) < _MOST_POINTS:
        edges.append(edges[-1] + max(_NEAR_SPACING * unit, _FAR_SPACING * edges[-1]))
    # Whatever is further than so many bins reach shares the last.
    edges[-1] = max(edges[-1], span)
    return np.array(edges)


def _fit(means: Floats, ses: Floats, dofs: Floats, edges: Floats) -> Floats:
    """Returns each configuration's posterior weight on each bin; shape (n_configurations, n_bins), rows sum to 1."""
    widths = np.diff(edges)
    cdf = special.stdtr(dofs[:, None], (edges - means[:, None]) / ses[:, None])
    likelihood = np.maximum(np.diff(cdf, axis=1), 1e-300) * (widths.max() / widths)
    even: Floats = widths / widths.sum()
    prior = even
    for _ in range(_ROUNDS):
        weights: Floats = likelihood * prior
        weights /= weights.sum(axis=1, keepdims=True)
        prior = (weights.sum(axis=0) + even) / (len(weights) + 1)
    return weights


def _draw(weights: Floats, edges: Floats, n_draws: int, generator: np.random.Generator) -> Floats:
    """Returns draws from each configuration's histogram, even inside a bin; shape (n_configurations, n_draws)."""
    cumulative = np.cumsum(weights, axis=1)
    draws = np.empty((len(weights), n_draws))
    for index, row in enumerate(cumulative):
        bins = np.searchsorted(row, generator.random(n_draws) * row[-1], side="right").clip(max=len(row) - 1)
        draws[index] = edges[bins] + generator.random(n_draws) * (edges[bins + 1] - edges[bins])
    return draws
