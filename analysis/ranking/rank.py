"""Which configuration is best, and how sure that is.

A configuration (trial) is what its `trial_key` says; its runs differ in the seed only. Losses are compared only inside
one model, dataset, evaluation set and budget: across those there is one ranking each, and no overall winner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.ranking.cheapest import CheapestBy
from analysis.ranking.constraints import Constraints, Measures
from analysis.ranking.decision import Options, decide
from analysis.ranking.edge import edge_warning
from analysis.ranking.scores import Costs, group_trials, read_costs, score_configurations
from analysis.ranking.types import BestConfiguration, ConfigScore, Ranking
from analysis.runs.configuration import GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup, split_comparable, split_curves
from analysis.runs.trials import trial_keys_of
from analysis.runs.values import RunValue, read_run_values

__all__ = ["BestConfiguration", "ConfigScore", "Ranking", "rank_configurations"]

_MOST_NAMED: Final = 5
"""Groups named in the sentence that there is no overall winner."""


def rank_configurations(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    group_by: Sequence[str] = (),
    constraints: Sequence[str] = (),
    measures: Measures = (),
    max_failure_rate: float = 0.0,
    cheapest_by: CheapestBy = "tokens",
) -> BestConfiguration:
    """Returns the configurations of a results table, best first, and how far the best can be told from the others.

    Configurations of which too many runs diverged are listed after the others and not ranked (unless all are such): the
    mean of the survivors is too good. Runs that failed, were stopped or lack the metric count for nothing.

    Needs columns: as `compute_lr_curves`, and `trial_key` (without one a run is a configuration of its own).

    Args:
        results: As `Snapshot.results(metric)` gives it, one row per run.
        metric: Name of the metric in `value`, for texts.
        direction: `min` where lower is better, `max` where higher is.
        group_by: Further configuration keys inside whose values alone configurations compete.
        constraints: What a configuration must keep to compete, as `--where` conditions; every run of it must.
        measures: Last values of other metrics that constraints name.
        max_failure_rate: Largest share of diverged runs with which a configuration is still ranked, in [0, 1].
        cheapest_by: What makes the choice among equals first: trained tokens, time, memory, or rank.

    Returns:
        One ranking per comparable group. `overall` is the only one, or empty with the reason in `rule`.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `group_by` or `constraints` name what no run has, or a constraint cannot be read.
    """
    runs = read_run_values(results)
    columns = read_configurations(results)
    active = [row for row, run in enumerate(runs) if run.role != "left_out"]
    table = _Table(
        columns,
        runs,
        trial_keys_of(results),
        read_costs(results),
        Constraints(constraints, results, columns, metric, measures),
    )
    options = Options(metric, direction, max_failure_rate, cheapest_by)
    groups = split_curves(columns, active, group_by) if group_by else split_comparable(columns, active)
    rankings = tuple(table.rank(group, options) for group in groups)
    overall = rankings[0] if len(rankings) == 1 else _no_overall(rankings)
    return BestConfiguration(metric=metric, direction=direction, overall=overall, groups=rankings)


@dataclass(frozen=True)
class _Table:
    """A results table, read."""

    columns: Mapping[str, Sequence[GroupValue]]
    runs: Sequence[RunValue]
    trial_keys: Sequence[str]
    costs: Costs
    constraints: Constraints

    def rank(self, group: RunGroup, options: Options) -> Ranking:
        """Returns the ranking of one group."""
        everything = group_trials(self.runs, self.trial_keys, group.rows)
        kept, outcomes = self.constraints.split(everything)
        trials = {key: rows for key, rows in everything.items() if key in kept}
        scored = score_configurations(self.columns, self.runs, trials, self.costs, options.sign)
        rows = [row for members in trials.values() for row in members]
        return decide(
            group,
            scored,
            options,
            outcomes,
            n_excluded=len(everything) - len(trials),
            edge=lambda winner: edge_warning(self.columns, self.runs, rows, winner.rows),
        )


def _no_overall(rankings: Sequence[Ranking]) -> Ranking:
    if rankings:
        named = "; ".join(ranking.label for ranking in rankings[:_MOST_NAMED])
        more = f"; and {len(rankings) - _MOST_NAMED} more" if len(rankings) > _MOST_NAMED else ""
        rule = (
            f"No overall winner: the runs fall into {len(rankings)} groups whose losses cannot be compared "
            f"({named}{more}). Filter to one of them."
        )
    else:
        rule = "No winner: there is no finished run with this metric."
    return Ranking(group={}, label="all runs", rule=rule, warnings=(rule,))
