"""`ucurve best`: the winner and how sure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Rank the configurations over their seeds, and say how far the winner can be told from the others."""
    from analysis.ranking.rank import rank_configurations

    results, better = read_directed_results(store, metric, where, direction)
    best = rank_configurations(results, metric=metric, direction=better)
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
    print_lines([f"  {ranking.rule}", *(f"  ! {warning}" for warning in ranking.warnings), ""])


def _cells(score: ConfigScore, ranking: Ranking) -> tuple[object, ...]:
    from analysis.number_format import format_value

    return (
        score.rank,
        score.name,
        format_value(score.mean, score.sd) if score.mean is not None else None,
        format_value(score.sd) if score.sd is not None else None,
        score.n,
        score.n_diverged,
        None if score.p_best is None else f"{score.p_best:.2f}",
        _remark(score, ranking),
    )


def _remark(score: ConfigScore, ranking: Ranking) -> str:
    if ranking.winner and score.trial_key == ranking.winner.trial_key:
        return "winner"
    return "like winner" if score.trial_key in (ranking.indistinguishable or ()) else ""
