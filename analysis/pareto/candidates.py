"""Which configurations enter a front: those whose runs all finished with finite values of every objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis.errors import FilterError, SchemaError
from analysis.pareto.objectives import BENCHMARK, COST_COLUMNS
from analysis.pareto.types import Objective
from analysis.pareto.volume import Floats
from analysis.runs.configuration import GroupValue, read_configurations
from analysis.runs.groups import RunGroup, group_label, split_comparable
from analysis.runs.trials import trial_keys_of

# A budget or an adapter is a choice with a price, which is what a trade-off is about; everything else must be the same.
_CHOICES: Final = ("adapter", "max_steps", "token_budget", "epochs")
_HIGHEST: Final = 1e100


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration whose runs all have all objectives: `values` of shape (n_runs, n_objectives)."""

    key: str
    row: int
    run_ids: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, slots=True)
class Entrants:
    """What enters one group's front, by key; the runs left out, and how many configurations had a diverged run."""

    group: RunGroup
    candidates: tuple[Candidate, ...]
    n_left_out: int
    n_diverged: int


def find_entrants(table: pd.DataFrame, objectives: Sequence[Objective]) -> list[Entrants]:
    """Returns the configurations that enter, one entry per comparable group of runs.

    The mean over the survivors of a configuration that sometimes diverges is too good, so it does not enter at all.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: fewer than two objectives.
    """
    _check(table, objectives)
    values = table[[objective.name for objective in objectives]].to_numpy(dtype=float, na_value=np.nan)
    statuses = [str(status) for status in table["status"]]
    run_ids = [str(run_id) for run_id in table["run_id"]]
    trial_keys = trial_keys_of(table)
    blown = [bool(np.any(np.abs(row) > _HIGHEST)) for row in values]
    spoiled = {
        key
        for key, status, is_blown in zip(trial_keys, statuses, blown, strict=True)
        if status == "diverged" or (status == "finished" and is_blown)
    }
    complete = [
        status == "finished" and bool(np.isfinite(row).all()) and key not in spoiled
        for key, status, row in zip(trial_keys, statuses, values, strict=True)
    ]
    found = []
    for group in _groups(read_configurations(table), objectives, len(table)):
        members: dict[str, list[int]] = {}
        for row in sorted(group.rows, key=lambda row: run_ids[row]):
            if complete[row]:
                members.setdefault(trial_keys[row], []).append(row)
        candidates = tuple(
            Candidate(key, rows[0], tuple(run_ids[row] for row in rows), values[rows])
            for key, rows in sorted(members.items())
        )
        n_kept = sum(len(rows) for rows in members.values())
        n_diverged = len(spoiled & {trial_keys[row] for row in group.rows})
        found.append(Entrants(group, candidates, len(group.rows) - n_kept, n_diverged))
    return found


def _check(table: pd.DataFrame, objectives: Sequence[Objective]) -> None:
    names = [objective.name for objective in objectives]
    if len(names) < 2 or len(set(names)) < len(names):
        raise FilterError(f"A trade-off needs two or more different objectives, got {', '.join(names) or 'none'}.")
    if missing := [name for name in ("run_id", "status", *names) if name not in table.columns]:
        raise SchemaError(f"A table of objectives lacks the columns {', '.join(missing)}.")


def _groups(
    columns: Mapping[str, Sequence[GroupValue]], objectives: Sequence[Objective], n_rows: int
) -> list[RunGroup]:
    """Logged metrics compare inside one model, data and evaluation set; scores and costs compare everywhere."""
    if all(item.name.startswith(BENCHMARK) or item.name in COST_COLUMNS for item in objectives):
        return [RunGroup({}, group_label({}), tuple(range(n_rows)))] if n_rows else []
    folded = {key: [None] * n_rows for key in _CHOICES}
    return split_comparable({**columns, **folded}, range(n_rows))
