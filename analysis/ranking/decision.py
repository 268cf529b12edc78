"""From scored configurations to a decision: who won, how sure that is, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.ranking.cheapest import CheapestBy, choose_cheapest
from analysis.ranking.comparison import compare_with_best, find_indistinguishable
from analysis.ranking.constraints import ConstraintOutcome
from analysis.ranking.noise import Noise, estimate_noise
from analysis.ranking.posterior import Posterior, compute_posterior
from analysis.ranking.scores import ScoredConfig
from analysis.ranking.texts import NOTHING_CHOSEN, SHRUNK, UNCORRECTED, ranking_rule, ranking_warnings, unranked_rule
from analysis.ranking.types import ConfigScore, Ranking
from analysis.ranking.validation import advise_validation
from analysis.ranking.winners_curse import score_out_of_bag
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; see `rank_configurations`."""

    metric: str
    direction: Direction
    max_failure_rate: float
    cheapest_by: CheapestBy

    @property
    def sign(self) -> float:
        """What makes a loss of a value: -1 where higher values are better."""
        return 1.0 if self.direction == "min" else -1.0


def decide(
    group: RunGroup,
    scored: Sequence[ScoredConfig],
    options: Options,
    constraints: tuple[ConstraintOutcome, ...],
    *,
    n_excluded: int,
    edge: Callable[[ScoredConfig], str | None],
) -> Ranking:
    """Returns the ranking of one comparable group.

    Args:
        group: What is ranked.
        scored: Its configurations that keep the constraints, best mean first.
        options: What was asked for.
        constraints: What each constraint has excluded.
        n_excluded: Configurations that are not in `scored` for breaking a constraint.
        edge: Says of the winner whether its learning rate is at the edge of what was tried.
    """
    safe = [item for item in scored if item.losses and item.failure_rate <= options.max_failure_rate]
    ranked, noise = _order(safe or [item for item in scored if item.losses])
    blank = Ranking(
        group=group.group, label=group.label, constraints=constraints, n_excluded=n_excluded, rule="", warnings=()
    )
    if not ranked:
        rule = unranked_rule(options.metric, [item.score for item in scored], n_excluded)
        return replace(blank, ranking=tuple(item.score for item in scored), rule=rule, warnings=(rule,))
    scores = [replace(item.score, rank=rank) for rank, item in enumerate(ranked, start=1)]
    decided = _compare(blank, scores, noise, options) if noise else _unreplicated(blank, scores, options)
    names = {score.trial_key for score in scores}
    others = [item.score for item in scored if item.score.trial_key not in names]
    return replace(
        decided,
        rule=ranking_rule(decided, options.metric, options.direction, options.max_failure_rate, others),
        ranking=(*decided.ranking, *others),
        warnings=ranking_warnings(decided, others, is_safe=bool(safe), edge=edge(ranked[0])),
    )


def _order(ranked: list[ScoredConfig]) -> tuple[list[ScoredConfig], Noise | None]:
    """Returns the configurations by their means, as the average seed would have given them, and the noise."""
    noise = _estimate(ranked)
    if noise is None or bool((np.diff(noise.means) >= 0).all()):
        return ranked, noise
    ordered = [ranked[index] for index in np.argsort(noise.means, kind="stable")]
    return ordered, _estimate(ordered)


def _estimate(ranked: Sequence[ScoredConfig]) -> Noise | None:
    return estimate_noise([item.losses for item in ranked], [item.seeds for item in ranked]) if ranked else None


def _unreplicated(blank: Ranking, scores: list[ConfigScore], options: Options) -> Ranking:
    return replace(
        blank,
        winner=scores[0],
        correction_method=UNCORRECTED,
        one_se_set=(scores[0].trial_key,),
        one_se_choice=scores[0].trial_key,
        one_se_order=choose_cheapest(scores[:1], options.cheapest_by)[1],
        validation_advice=advise_validation(scores, (), None),
        ranking=tuple(scores),
    )


def _compare(blank: Ranking, scores: list[ConfigScore], noise: Noise, options: Options) -> Ranking:
    """Returns the ranking with everything that the replicates say."""
    posterior = compute_posterior(noise)
    comparisons = compare_with_best(noise, best=0)
    sign = options.sign
    scores = [
        replace(
            score,
            adjusted_mean=sign * float(noise.means[index]),
            se=float(noise.ses[index]),
            p_best=posterior.p_best[index],
            rank_interval=posterior.rank_intervals[index],
            difference=sign * comparisons[index].difference,
            difference_interval=_signed(comparisons[index].interval, sign),
        )
        for index, score in enumerate(scores)
    ]
    equals = [scores[index] for index in find_indistinguishable([item.p_value for item in comparisons], best=0)]
    within = [score for score, mean in zip(scores, noise.means, strict=True) if mean <= noise.means[0] + noise.ses[0]]
    choice, order = choose_cheapest(within, options.cheapest_by)
    corrected, method = _correct(posterior, noise)
    held_out = score_out_of_bag(noise) if len(scores) > 1 and scores[0].n > 1 else None
    return replace(
        blank,
        winner=scores[0],
        p_best=scores[0].p_best,
        corrected_mean=sign * corrected,
        correction_method=method,
        held_out_mean=None if held_out is None else sign * held_out,
        is_paired=noise.is_paired,
        one_se_set=tuple(score.trial_key for score in within),
        one_se_choice=choice.trial_key,
        one_se_order=order,
        indistinguishable=tuple(score.trial_key for score in equals),
        validation_advice=advise_validation(scores, equals, noise),
        ranking=tuple(scores),
    )


def _correct(posterior: Posterior, noise: Noise) -> tuple[float, str]:
    """Returns the winner's expected true mean and how it was found."""
    return (posterior.means[0], SHRUNK) if len(noise.means) > 1 else (float(noise.means[0]), NOTHING_CHOSEN)


def _signed(interval: tuple[float, float], sign: float) -> tuple[float, float]:
    low, high = sorted((sign * interval[0], sign * interval[1]))
    return low, high
