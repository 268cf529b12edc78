"""Simple regret against cost, by search strategy and task.

Sources: simple regret, incumbents and normalisation as in Arango et al. 2021 (HPO-B, arXiv 2106.06257); medians and
quartiles over repeated searches, never means of logarithms. Judging an incumbent by its final estimate: our choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from analysis.errors import FilterError
from analysis.runs.configuration import GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup, sort_key, split_comparable
from analysis.runs.parameters import SEARCH_KEYS
from analysis.runs.trained import trained_runs
from analysis.runs.trials import read_trials, trial_keys_of
from analysis.runs.values import RunValue, read_run_values
from analysis.search.replay import judge_task, replay_search
from analysis.search.spending import Ended, choose_cost, ended_runs
from analysis.search.summary import summarise_task
from analysis.search.types import Cost, SearchCurve, SearchProgress

__all__ = ["SearchProgress", "compute_search_progress"]

STRATEGY_KEYS: Final = (*SEARCH_KEYS, "sweep_id")
"""What tells strategies apart when nobody says: the first of these with more than one value."""
_ALL: Final = "all runs"


def compute_search_progress(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    by: str | None = None,
    cost: Cost | None = None,
) -> SearchProgress:
    """Returns how far each search was from the best configuration of its task after each run.

    Runs that compare make a task. Runs of one strategy and one sweep make a search; several searches of one strategy
    are repeats of it. Needs columns: as `compute_lr_curves`; `trial_key`, `sweep_id`, `updated_at`, `created_at`,
    `wall_s` and `tokens_seen` where there are any.

    Args:
        results: As `Snapshot.results(metric)` gives it, one row per run.
        metric: Name of the metric in `value`, for texts.
        direction: `min` where lower is better, `max` where higher is.
        by: Configuration key or column that tells strategies apart; None chooses, see `STRATEGY_KEYS`.
        cost: What is spent; None takes the first of tokens, seconds and runs that is known for every result.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `by` is unknown, or the cost is not known.
    """
    results = trained_runs(results)
    runs = read_run_values(results)
    columns = read_configurations(results)
    by = _choose_key(columns, by)
    cost = choose_cost(results, runs, cost)
    ended = ended_runs(results, cost)
    trial_keys = trial_keys_of(results)
    sign = 1.0 if direction == "min" else -1.0
    curves: list[SearchCurve] = []
    for group in split_comparable(columns, sorted(run.row for run in ended)):
        task = judge_task(read_trials(runs, trial_keys, group.rows, sign))
        if task is not None:
            searches = _searches(ended, group, columns, by)
            replays = {
                strategy: [replay_search(each, runs, trial_keys, task, sign) for each in found]
                for strategy, found in searches.items()
            }
            curves += summarise_task(group, replays, task)
    return SearchProgress(
        metric=metric,
        direction=direction,
        by=by,
        cost=cost,
        curves=tuple(curves),
        warnings=_warnings(ended, runs, cost),
    )


def _choose_key(columns: Mapping[str, Sequence[GroupValue]], by: str | None) -> str | None:
    if by is not None and by not in columns:
        known = ", ".join(sorted(columns))
        raise FilterError(f"There is no configuration key '{by}' that could tell strategies apart; there are: {known}.")
    return by or next((key for key in STRATEGY_KEYS if len(set(columns.get(key, ()))) > 1), None)


def _searches(
    ended: Sequence[Ended], group: RunGroup, columns: Mapping[str, Sequence[GroupValue]], by: str | None
) -> dict[str, list[list[Ended]]]:
    """Returns strategy -> searches, each with its runs in the order of their ends."""
    inside = set(group.rows)
    found: dict[GroupValue, dict[GroupValue, list[Ended]]] = defaultdict(lambda: defaultdict(list))
    for run in ended:
        if run.row in inside:
            strategy = columns[by][run.row] if by else _ALL
            found[strategy][columns["sweep_id"][run.row] if by else None].append(run)
    return {
        str("none" if strategy is None else strategy): [searches[key] for key in sorted(searches, key=sort_key)]
        for strategy, searches in sorted(found.items(), key=lambda item: sort_key(item[0]))
    }


def _warnings(ended: Sequence[Ended], runs: Sequence[RunValue], cost: Cost) -> tuple[str, ...]:
    found = []
    times = [run.at for run in ended]
    n_tied = len(times) - len(set(times))
    if n_tied:
        found.append(
            f"{n_tied} of {len(times)} runs ended at the same moment as another, or nobody knows when: "
            "their order is that of their ids, and the curve between them means nothing."
        )
    n_unknown = sum(not run.cost >= 0 for run in ended)
    if n_unknown:
        found.append(
            f"Nothing says what {n_unknown} failed or diverged run{'' if n_unknown == 1 else 's'} cost ({cost}): "
            "counted as nothing, so the true curves lie further right."
        )
    n_without = sum(runs[run.row].role == "left_out" for run in ended)
    if n_without:
        found.append(f"{n_without} run{'' if n_without == 1 else 's'} without a result cost something all the same.")
    return tuple(found)
