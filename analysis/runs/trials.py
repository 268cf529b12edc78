"""Runs grouped into trials: seeds are repeats of a configuration, not configurations of their own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.runs.configuration import DERIVED, OWN_AXES, GroupValue
from analysis.runs.values import RunValue

_NEVER_PARAMETERS = frozenset({*DERIVED, *OWN_AXES} - {"learning_rate"})


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration over its seeds.

    Attributes:
        key: Hash of the configuration without the seed.
        rows: Positions of its runs in the table, by run id.
        losses: Values of its finite runs, lower is better.
        n_diverged: Runs that diverged or ended non-finite.
    """

    key: str
    rows: tuple[int, ...]
    losses: tuple[float, ...]
    n_diverged: int

    @property
    def mean(self) -> float:
        """Mean loss; infinite where a run diverged, since the survivors' mean is too good, or where there is none."""
        return math.fsum(self.losses) / len(self.losses) if self.losses and not self.n_diverged else math.inf


def trial_keys_of(results: pd.DataFrame) -> list[str]:
    """Returns the trial of each row; a run without a `trial_key` is a trial of its own."""
    run_ids = [str(run_id) for run_id in results["run_id"]]
    if "trial_key" not in results.columns:
        return run_ids
    return [run_id if pd.isna(key) else str(key) for run_id, key in zip(run_ids, results["trial_key"], strict=True)]


def read_trials(runs: Sequence[RunValue], trial_keys: Sequence[str], rows: Sequence[int], sign: float) -> list[Trial]:
    """Returns the trials of some rows, sorted by key; runs that are not finished or diverged count for nothing.

    Args:
        runs: What each row contributes.
        trial_keys: The trial of each row.
        rows: Positions of the rows that count.
        sign: -1 where the metric's higher values are better, else 1.
    """
    members: dict[str, list[int]] = defaultdict(list)
    # By run id, so that no sum depends on the order in which the rows came.
    for row in sorted(rows, key=lambda row: runs[row].run_id):
        if runs[row].role in ("value", "diverged"):
            members[trial_keys[row]].append(row)
    return [
        Trial(
            key=key,
            rows=tuple(found),
            losses=tuple(sign * runs[row].value for row in found if runs[row].role == "value"),
            n_diverged=sum(runs[row].role == "diverged" for row in found),
        )
        for key, found in sorted(members.items())
    ]


def varying_keys(columns: Mapping[str, Sequence[GroupValue]], trials: Sequence[Sequence[int]]) -> list[str]:
    """Returns the configuration keys that differ between trials and are constant inside each; learning rate first.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        trials: Rows of each trial.
    """
    keys = [
        key
        for key, values in columns.items()
        if key not in _NEVER_PARAMETERS
        and len({values[rows[0]] for rows in trials}) > 1
        and all(len({values[row] for row in rows}) == 1 for rows in trials)
    ]
    return sorted(keys, key=lambda key: key != "learning_rate")
