"""`ucurve best`: the winner and how sure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runner.cli.options import (
    DEFAULT_STORE,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    WhereOption,
    read_directed_results,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.ranking.rank import ConfigScore, Ranking


def show_best(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="KEYS",
            help="Configuration keys, separated by commas, inside whose values alone configurations compete.",
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            "--constraint",
            metavar="CONDITION",
            help="What every run of a configuration must keep, such as 'lora_rank<=16', 'peak_memory_bytes<10GiB', "
            "'wall_s<1h' or a limit on another metric; repeat it for more.",
        ),
    ] = None,
    max_failure_rate: Annotated[
        float,
        typer.Option(
            "--max-failure-rate", min=0.0, max=1.0, help="Largest share of diverged runs that is still ranked."
        ),
    ] = 0.0,
    cheapest_by: Annotated[
        Literal["tokens", "time", "memory", "rank"],
        typer.Option("--cheapest-by", help="What makes a configuration the cheapest of equals, first of all."),
    ] = "tokens",
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Rank the configurations over their seeds, and say how far the winner can be told from the others."""
    from analysis.ranking.measures import read_measures
    from analysis.ranking.rank import rank_configurations
    from runner.cli.options import open_store

    results, better = read_directed_results(store, metric, where, direction)
    limits = tuple(constraint or ())
    best = rank_configurations(
        results,
        metric=metric,
        direction=better,
        group_by=[key.strip() for key in (group_by or "").split(",") if key.strip()],
        constraints=limits,
        measures=read_measures(open_store(store).snapshot(), limits, metric) if limits else (),
        max_failure_rate=max_failure_rate,
        cheapest_by=cheapest_by,
    )
    if json_output:
        print_json(best.to_json())
        return
    if not best.comparable or not best.groups:
        print_lines([best.overall.rule, ""])
    for ranking in best.groups:
        _print_ranking(ranking, metric)


def _print_ranking(ranking: Ranking, metric: str) -> None:
    headers = ("!", "configuration", f"!{metric}", "!sd", "!n", "!diverged", "!p_best", "")
    print_table(headers, [_cells(score, ranking) for score in ranking.ranking], title=ranking.label)
    warnings = [f"! {warning}" for warning in ranking.warnings if warning != ranking.rule]
    print_lines([*(f"  {line}" for line in (*_sentences(ranking), ranking.rule, *warnings)), ""])


def _sentences(ranking: Ranking) -> Iterator[str]:
    from analysis.number_format import format_value
    from analysis.ranking.texts import excluded_sentences

    winner = ranking.winner
    if winner and ranking.corrected_mean is not None and len(ranking.ranking) > 1:
        held_out = ranking.held_out_mean
        beside = f"; on held-out seeds {format_value(held_out, winner.se)}" if held_out is not None else ""
        yield f"honest score of the winner {format_value(ranking.corrected_mean, winner.se)}{beside}"
    if len(ranking.one_se_set) > 1:
        cheapest = next(score for score in ranking.ranking if score.trial_key == ranking.one_se_choice)
        yield f"cheapest within one standard error ({ranking.one_se_order}): {cheapest.name}"
    if ranking.validation_advice:
        yield ranking.validation_advice.text
    yield from excluded_sentences(ranking)


def _cells(score: ConfigScore, ranking: Ranking) -> tuple[object, ...]:
    from analysis.number_format import format_probability, format_value

    return (
        score.rank,
        score.name,
        format_value(score.mean, score.sd) if score.mean is not None else None,
        format_value(score.sd) if score.sd is not None else None,
        score.n,
        score.n_diverged,
        None if score.p_best is None else format_probability(score.p_best),
        _remark(score, ranking),
    )


def _remark(score: ConfigScore, ranking: Ranking) -> str:
    if ranking.winner and score.trial_key == ranking.winner.trial_key:
        return "winner"
    return "like winner" if score.trial_key in (ranking.indistinguishable or ()) else ""
