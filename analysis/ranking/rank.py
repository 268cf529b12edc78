"""Which configuration is best, and how sure that is.

A configuration (trial) is what its `trial_key` says; its runs differ in the seed only. Losses are compared only inside
one model, dataset, evaluation set and budget: across those there is one ranking each, and no overall winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.scores import score_configurations
from analysis.ranking.stats import draw_posterior, estimate_spreads, find_indistinguishable
from analysis.ranking.texts import ranking_rule, ranking_warnings
from analysis.ranking.types import BestConfiguration, ConfigScore, Ranking
from analysis.runs.configuration import GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup, split_comparable
from analysis.runs.values import RunValue, read_run_values

__all__ = ["BestConfiguration", "ConfigScore", "Ranking", "rank_configurations"]


def rank_configurations(results: pd.DataFrame, *, metric: str, direction: Direction = "min") -> BestConfiguration:
    """Returns the configurations of a results table, best first, and how far the best can be told from the others.

    Configurations with a diverged run are listed after the others and not ranked (unless all have one): the mean of the
    survivors is too good. Runs that failed, were stopped or lack the metric count for nothing.

    Needs columns: as `compute_lr_curves`, and `trial_key` (without one a run is a configuration of its own).

    Args:
        results: As `Snapshot.results(metric)` gives it, one row per run.
        metric: Name of the metric in `value`, for texts.
        direction: `min` where lower is better, `max` where higher is.

    Returns:
        One ranking per comparable group. `overall` is the only one, or empty with the reason in `rule`.

    Raises:
        SchemaError: a needed column is missing.
    """
    runs = read_run_values(results)
    columns = read_configurations(results)
    trial_keys = _trial_keys(results, runs)
    active = [row for row, run in enumerate(runs) if run.role != "left_out"]
    edges = _edges_by_run(results, metric, direction)
    rankings = tuple(
        _rank_group(group, columns, runs, trial_keys, edges, metric, direction)
        for group in split_comparable(columns, active)
    )
    overall = rankings[0] if len(rankings) == 1 else _no_overall(rankings)
    return BestConfiguration(metric=metric, direction=direction, overall=overall, groups=rankings)


def _trial_keys(results: pd.DataFrame, runs: Sequence[RunValue]) -> list[str]:
    if "trial_key" not in results.columns:
        return [run.run_id for run in runs]
    keys = results["trial_key"]
    return [run.run_id if pd.isna(key) else str(key) for run, key in zip(runs, keys, strict=True)]


def _no_overall(rankings: Sequence[Ranking]) -> Ranking:
    if rankings:
        rule = (
            f"No overall winner: the runs fall into {len(rankings)} groups whose losses cannot be compared "
            f"({'; '.join(ranking.label for ranking in rankings)}). Filter to one of them."
        )
    else:
        rule = "No winner: there is no finished run with this metric."
    return Ranking(
        group={},
        label="all runs",
        winner=None,
        p_best=None,
        one_se_set=(),
        one_se_choice=None,
        indistinguishable=None,
        rule=rule,
        ranking=(),
        warnings=(rule,),
    )


def _rank_group(
    group: RunGroup,
    columns: Mapping[str, Sequence[GroupValue]],
    runs: Sequence[RunValue],
    trial_keys: Sequence[str],
    edges: Mapping[str, str],
    metric: str,
    direction: Direction,
) -> Ranking:
    sign = 1.0 if direction == "min" else -1.0
    scored = score_configurations(columns, runs, trial_keys, group.rows, sign)
    safe = [item for item in scored if item.losses and item.score.n_diverged == 0]
    ranked = safe or [item for item in scored if item.losses]
    if not ranked:
        return _unranked(group, tuple(item.score for item in scored), metric)
    losses = [item.losses for item in ranked]
    spreads = estimate_spreads(losses)
    scores = [replace(item.score, rank=rank) for rank, item in enumerate(ranked, start=1)]
    indistinguishable: tuple[str, ...] | None = None
    within = [scores[0]]
    if spreads is not None:
        means = [item.mean_loss for item in ranked]
        posterior = draw_posterior(means, spreads)
        keys = zip(scores, spreads, posterior.p_best, posterior.rank_intervals, strict=True)
        scores = [replace(score, se=s.se, p_best=p, rank_interval=interval) for score, s, p, interval in keys]
        within = [score for score, mean in zip(scores, means, strict=True) if mean <= means[0] + spreads[0].se]
        indistinguishable = tuple(scores[index].trial_key for index in find_indistinguishable(means, spreads, 0))
    ranked_keys = {score.trial_key for score in scores}
    others = [item.score for item in scored if item.score.trial_key not in ranked_keys]
    winner = scores[0]
    return Ranking(
        group=group.group,
        label=group.label,
        winner=winner,
        p_best=winner.p_best,
        one_se_set=tuple(score.trial_key for score in within),
        one_se_choice=min(within, key=_simplicity).trial_key,
        indistinguishable=indistinguishable,
        rule=ranking_rule(
            metric,
            direction,
            is_replicated=spreads is not None,
            leaves_out_diverged=any(score.n_diverged for score in others),
        ),
        ranking=(*scores, *others),
        warnings=ranking_warnings(scores, others, edges, is_replicated=spreads is not None, is_safe=bool(safe)),
    )


def _simplicity(score: ConfigScore) -> tuple[float, float, float]:
    """Simplest first: lowest rank, then fewest trained tokens (smallest batch at equal steps), then lowest LR."""
    rank = score.lora_rank if score.lora_rank is not None else float("inf")
    return rank, float(score.batch_size or 0), float(score.learning_rate or 0.0)


def _unranked(group: RunGroup, scores: tuple[ConfigScore, ...], metric: str) -> Ranking:
    rule = f"No winner: no configuration has a finite {metric} yet."
    if any(score.n_diverged for score in scores):
        rule = f"No winner: every run that ended diverged, so there is no finite {metric}."
    return replace(_no_overall(()), group=group.group, label=group.label, ranking=scores, rule=rule, warnings=(rule,))


def _edges_by_run(results: pd.DataFrame, metric: str, direction: Direction) -> dict[str, str]:
    """Returns, for the runs whose learning rate is the best of their curve but at its edge, what to say about that."""
    found: dict[str, str] = {}
    for curve in compute_lr_curves(results, metric=metric, direction=direction):
        if curve.edge in ("low", "high"):
            point = next((point for point in curve.points if point.learning_rate == curve.argmin_lr), None)
            text = f"The winner's learning rate is the {curve.edge}est one tried with its other settings; go further."
            found |= dict.fromkeys(point.run_ids if point else (), text)
    return found
