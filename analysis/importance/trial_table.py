"""Trials as a table to look at: one row per trial, one axis per hyperparameter, and the metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.importance.axes import Axis, choose_axes
from analysis.runs.configuration import Group, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import split_comparable
from analysis.runs.trials import read_trials, trial_keys_of
from analysis.runs.values import read_run_values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialTable:
    """The trials of one comparable group, by key.

    Attributes:
        group: What tells this group from the others; empty when there is only one.
        label: The group as text.
        axes: The hyperparameters that vary, learning rate first.
        trial_keys: One per trial.
        values: Mean metric per trial; NaN where a run diverged.
        n_runs: Finished and diverged runs per trial.
        run_ids: Their ids.
    """

    group: Group
    label: str
    axes: tuple[Axis, ...]
    trial_keys: tuple[str, ...]
    values: tuple[float, ...]
    n_runs: tuple[int, ...]
    run_ids: tuple[tuple[str, ...], ...]

    def to_frame(self, metric: str) -> pd.DataFrame:
        """Returns one row per trial: its hyperparameters as configured, then the metric, runs and ids."""
        return pd.DataFrame(
            {
                "trial_key": self.trial_keys,
                **{axis.key: list(axis.values) for axis in self.axes},
                f"mean_{metric}": self.values,
                "n_runs": self.n_runs,
                "run_ids": [list(ids) for ids in self.run_ids],
            }
        )


def make_trial_tables(
    results: pd.DataFrame, *, metric: str, direction: Direction = "min", keys: Sequence[str] | None = None
) -> list[TrialTable]:
    """Returns one table per comparable group.

    Args:
        results: As `Snapshot.results(metric)` gives it, one row per run.
        metric: Name of the metric in `value`; unused, part of every analysis' form.
        direction: Likewise.
        keys: Hyperparameters to show; None takes all that vary and were not measured.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `keys` names an unknown key.
    """
    del metric, direction
    runs = read_run_values(results)
    columns = read_configurations(results)
    trial_keys = trial_keys_of(results)
    counted = [row for row, run in enumerate(runs) if run.role in ("value", "diverged")]
    tables = []
    for group in split_comparable(columns, counted):
        trials = read_trials(runs, trial_keys, group.rows, 1.0)
        tables.append(
            TrialTable(
                group=group.group,
                label=group.label,
                axes=choose_axes(columns, [trial.rows for trial in trials], keys).axes,
                trial_keys=tuple(trial.key for trial in trials),
                values=tuple(trial.mean if math.isfinite(trial.mean) else math.nan for trial in trials),
                n_runs=tuple(len(trial.rows) for trial in trials),
                run_ids=tuple(tuple(runs[row].run_id for row in trial.rows) for trial in trials),
            )
        )
    return tables
