"""The statistics behind a ranking: noise of a mean, probability of being the best, who cannot be told from the best.

Losses throughout: lower is better. Two or three seeds are too few to bootstrap, so uncertainty comes from t posteriors.
Source: S. Holm 1979, Scand. J. Stat. 6:65; E. B. Wilson 1927, JASA 22:209.
What each number means: docs/statistics/ranking.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

# Own seeds count as they are from this many on; below, the pooled variance stands in for what is missing (our choice).
_OWN_ENOUGH: Final = 5
# Configurations within 5 % of the best share its noise level; far from it, near divergence, noise is much larger.
_SIMILAR_SHARE: Final = 0.05
# Draws, fewer where there are many configurations: at 1,000 a probability is known to 0.016 (one standard error).
_MOST_DRAWS: Final = 10_000
_FEWEST_DRAWS: Final = 1_000
_MOST_DRAWN: Final = 1_000_000
_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard error of one configuration's mean, with the degrees of freedom behind its variance."""

    se: float
    dof: float


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the draws say: probability of being the best and 95 % interval of the rank, one entry per configuration."""

    p_best: tuple[float, ...]
    rank_intervals: tuple[tuple[int, int], ...]


def estimate_spreads(values: Sequence[Sequence[float]]) -> list[Spread] | None:
    """Returns the standard error of each configuration's mean; None when no configuration has two runs.

    Below five runs the variance is shrunk towards the one pooled over configurations of similar level,
    s_c*^2 = (d0 s0^2 + (n - 1) s_c^2) / (d0 + n - 1), with as many pooled degrees of freedom d0 as five own runs would
    have (at most those there are).

    Args:
        values: Losses of the runs of each configuration, each with at least one.
    """
    means = [float(np.mean(runs)) for runs in values]
    pooled = _pool(values, means)
    if pooled is None:
        return None
    variance0, dof0 = pooled
    return [_shrink(runs, variance0, dof0) for runs in values]


def draw_posterior(means: Sequence[float], spreads: Sequence[Spread], seed: int = 0) -> Posterior:
    """Returns how often each configuration is the best in draws mean + t * se; repeatable for a seed.

    Runs that share a seed are treated as independent, which makes the probabilities cautious.
    """
    generator = np.random.default_rng(seed)
    n_draws = min(max(_MOST_DRAWN // len(means), _FEWEST_DRAWS), _MOST_DRAWS)
    draws = np.stack(
        [
            mean + spread.se * generator.standard_t(spread.dof, n_draws)
            for mean, spread in zip(means, spreads, strict=True)
        ]
    )
    best: NDArray[np.intp] = np.argmin(draws, axis=0)
    ranks = np.argsort(np.argsort(draws, axis=0), axis=0) + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=1, method="nearest")
    p_best = np.bincount(best, minlength=len(means)) / n_draws
    return Posterior(
        tuple(float(share) for share in p_best),
        tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
    )


def find_indistinguishable(means: Sequence[float], spreads: Sequence[Spread], best: int) -> list[int]:
    """Returns the indices that one-sided Welch tests against the best do not reject at 5 %, corrected by Holm."""
    others = [index for index in range(len(means)) if index != best]
    p_values = [_p_worse(means[index] - means[best], spreads[index], spreads[best]) for index in others]
    kept = {best}
    order = sorted(range(len(others)), key=lambda position: p_values[position])
    rejecting = True
    for step, position in enumerate(order):
        rejecting = rejecting and p_values[position] * (len(others) - step) <= _LEVEL
        if not rejecting:
            kept.add(others[position])
    return sorted(kept)


def wilson_interval(n_failed: int, n: int) -> tuple[float, float]:
    """Returns the 95 % Wilson interval of a share."""
    bounds = stats.binomtest(n_failed, n).proportion_ci(0.95, method="wilson")
    return float(bounds.low), float(bounds.high)


def _pool(values: Sequence[Sequence[float]], means: Sequence[float]) -> tuple[float, int] | None:
    best = min(means, default=math.nan)
    near = [runs for runs, mean in zip(values, means, strict=True) if mean - best <= _SIMILAR_SHARE * abs(best)]
    for candidates in (near, values):
        dof = sum(len(runs) - 1 for runs in candidates)
        if dof > 0:
            squares = sum(float(np.sum((np.asarray(runs) - np.mean(runs)) ** 2)) for runs in candidates)
            return squares / dof, dof
    return None


def _shrink(runs: Sequence[float], variance0: float, dof0: int) -> Spread:
    own_dof = len(runs) - 1
    borrowed = min(dof0, _OWN_ENOUGH - 1) if len(runs) < _OWN_ENOUGH else 0
    own = float(np.var(runs, ddof=1)) if own_dof else 0.0
    dof = borrowed + own_dof
    variance = (borrowed * variance0 + own_dof * own) / dof
    return Spread(math.sqrt(variance / len(runs)), dof)


def _p_worse(difference: float, one: Spread, other: Spread) -> float:
    """One-sided p-value of a difference between two means (Welch-Satterthwaite degrees of freedom)."""
    variance = one.se**2 + other.se**2
    if variance == 0:
        return 1.0 if difference <= 0 else 0.0
    dof = variance**2 / (one.se**4 / one.dof + other.se**4 / other.dof)
    return float(special.stdtr(dof, -difference / math.sqrt(variance)))
