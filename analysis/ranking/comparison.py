"""Who cannot be told from the best: differences to it, their intervals and tests, and the share of failures.

Sources: Student 1908, Biometrika 6:1 (paired t); B. L. Welch 1947, Biometrika 34:28; S. Holm 1979, Scand. J. Stat.
6:65; E. B. Wilson 1927, JASA 22:209.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special, stats

from analysis.ranking.noise import OWN_ENOUGH, Noise

_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """A configuration against the best one.

    Attributes:
        difference: Its mean minus the best one's.
        interval: 95 % t interval of that difference, for this pair alone.
        p_value: One-sided p-value of being worse, uncorrected.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float


def compare_with_best(noise: Noise, best: int) -> list[Comparison]:
    """Returns every configuration against the one at position `best`, which compares with itself as equal.

    Welch's t test; where seeds are shared, the paired t test over the seeds that both ran. With fewer than five of them
    the variance of the differences is shrunk towards twice the pooled variance of a run.
    """
    error = _paired_error if noise.is_paired else _welch_error
    return [
        Comparison(0.0, (0.0, 0.0), 1.0)
        if index == best
        else _compare(float(noise.means[index] - noise.means[best]), *error(noise, index, best))
        for index in range(len(noise.means))
    ]


def find_indistinguishable(p_values: Sequence[float], best: int) -> list[int]:
    """Returns the positions that tests against the best do not reject at 5 %, corrected by Holm; the best included."""
    others = sorted((p_value, index) for index, p_value in enumerate(p_values) if index != best)
    for step, (p_value, _) in enumerate(others):
        if p_value * (len(others) - step) > _LEVEL:
            return sorted([best, *(index for _, index in others[step:])])
    return [best]


@lru_cache(maxsize=4096)
def wilson_interval(n_failed: int, n: int) -> tuple[float, float]:
    """Returns the 95 % Wilson interval of a share."""
    bounds = stats.binomtest(n_failed, n).proportion_ci(0.95, method="wilson")
    return float(bounds.low), float(bounds.high)


def _compare(difference: float, se: float, dof: float) -> Comparison:
    if se == 0:
        return Comparison(difference, (difference, difference), 0.0 if difference > 0 else 1.0)
    half = float(special.stdtrit(dof, 1 - _LEVEL / 2)) * se
    return Comparison(difference, (difference - half, difference + half), float(special.stdtr(dof, -difference / se)))


def _welch_error(noise: Noise, one: int, other: int) -> tuple[float, float]:
    """Standard error of a difference, and Welch-Satterthwaite degrees of freedom."""
    parts = noise.ses[[one, other]] ** 2
    variance = float(parts.sum())
    dof = variance**2 / float((parts**2 / noise.dofs[[one, other]]).sum()) if variance > 0 else 1.0
    return math.sqrt(variance), dof


def _paired_error(noise: Noise, one: int, other: int) -> tuple[float, float]:
    """Standard error of a difference over the seeds that both ran, and its degrees of freedom."""
    own, best = (noise.runs.configurations == index for index in (one, other))
    n_own, n_best = int(own.sum()), int(best.sum())
    _, at_own, at_best = np.intersect1d(noise.runs.seeds[own], noise.runs.seeds[best], return_indices=True)
    differences = noise.runs.values[own][at_own] - noise.runs.values[best][at_best]
    own_dof = max(len(differences) - 1, 0)
    borrowed = min(noise.dof, OWN_ENOUGH - 1) if len(differences) < OWN_ENOUGH else 0.0
    squares = float(((differences - differences.mean()) ** 2).sum()) if own_dof else 0.0
    variance = (borrowed * 2 * noise.sd**2 + squares) / (borrowed + own_dof)
    # Seeds that only one of them ran: their effects are estimates too.
    uneven = float(((noise.shifts[one] - noise.shifts[other]) ** 2).sum())
    dof = min(borrowed + own_dof, max(noise.dof, own_dof))
    return math.sqrt(variance / 2 * (1 / n_own + 1 / n_best) + uneven), dof
