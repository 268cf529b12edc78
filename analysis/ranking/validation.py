"""How many fresh seeds would settle who is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special, stats

from analysis.number_format import format_value
from analysis.ranking.noise import Noise
from analysis.ranking.types import ConfigScore, ValidationAdvice

POWER: Final = 0.8
"""What J. Cohen 1988, Statistical Power Analysis, asks of a plan."""
_LEVEL: Final = 0.05
# More rivals or seeds are a sweep of their own, and what they would tell apart matters to nobody (our choice).
_MOST_RIVALS: Final = 5
_MOST_SEEDS: Final = 50
_FIRST_SEEDS: Final = 3
_FIRST_RIVALS: Final = 3


@dataclass(frozen=True, slots=True)
class _Plan:
    sd: float
    is_paired: bool

    def power(self, difference: float, n: int) -> float:
        """Power of the one-sided t test at 5 % with n seeds each."""
        dof = n - 1 if self.is_paired else 2 * (n - 1)
        shift = difference / (self.sd * math.sqrt(2 / n))
        return float(stats.nct.sf(special.stdtrit(dof, 1 - _LEVEL), dof, shift))


def seeds_needed(difference: float, sd: float, *, is_paired: bool) -> int | None:
    """Returns the fewest seeds a configuration that show a difference in 80 % of cases; None above fifty.

    One-sided t test at 5 %, for two configurations with the same seeds (`is_paired`) or with seeds of their own.

    Args:
        difference: Between the true means, above zero.
        sd: Standard deviation between runs of one configuration, without the effect of shared seeds.
        is_paired: Whether the fresh seeds are the same for all.
    """
    if sd == 0:
        return 2
    plan = _Plan(sd, is_paired)
    return next((n for n in range(2, _MOST_SEEDS + 1) if plan.power(difference, n) >= POWER), None)


def advise_validation(
    scores: Sequence[ConfigScore], equals: Sequence[ConfigScore], noise: Noise | None
) -> ValidationAdvice | None:
    """Returns which configurations to run again and how often; None where nothing is left to settle.

    Args:
        scores: The ranked configurations, best first.
        equals: Those that cannot be told from the winner, the winner included.
        noise: How much runs differ by chance; None when nothing is replicated.
    """
    if noise is None:
        rivals = [score.trial_key for score in scores[:_FIRST_RIVALS]]
        text = (
            f"Run the best {len(rivals)} with {_FIRST_SEEDS} or more seeds each, the same seeds for all: without "
            "replicates nothing says how large the noise is."
        )
        return _advice(_FIRST_SEEDS, rivals, None, None, text) if len(scores) > 1 else None
    if len(equals) < 2:
        return None
    rivals = [score.trial_key for score in equals[:_MOST_RIVALS]]
    means = np.sort(noise.means)
    difference = float(means[1] - means[0])
    n_seeds = seeds_needed(difference, noise.sd, is_paired=noise.is_paired) if difference > 0 else None
    return _advice(n_seeds, rivals, difference, POWER, _text(n_seeds, len(rivals), difference, noise))


def _advice(
    n_seeds: int | None, rivals: Sequence[str], difference: float | None, power: float | None, text: str
) -> ValidationAdvice:
    return ValidationAdvice(n_seeds=n_seeds, trial_keys=tuple(rivals), difference=difference, power=power, text=text)


def _text(n_seeds: int | None, n_rivals: int, difference: float, noise: Noise) -> str:
    if difference <= 0:
        return "The best two have the same mean, so there is no lead to settle: take the cheapest."
    gap, sd = f"{difference:.2g}", format_value(noise.sd, noise.sd)
    sharing = ", the same seeds for all," if noise.is_paired else ""
    if n_seeds is None:
        return (
            f"More than {_MOST_SEEDS} fresh seeds each would be needed to show a lead of {gap} where runs differ by "
            f"{sd} (standard deviation). It is not worth settling: take the cheapest."
        )
    return (
        f"{n_seeds} fresh seeds each{sharing} for the best {n_rivals} would show a lead of {gap}, as large as the one "
        f"seen, in {POWER:.0%} of cases (one-sided t test at 5 %, standard deviation {sd}). The true lead is probably "
        "smaller."
    )
