"""The scores and runs that a question is about: those that fit its conditions, and the base models they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from analysis.benchmarks.rows import base_runs
from analysis.store import Condition


class Reads(Protocol):
    """What is needed of a `Snapshot`, which the dashboard reads through a cache."""

    def runs(self, where: Sequence[Condition] = ()) -> pd.DataFrame:
        """As `Snapshot.runs`."""

    def results(self, metric: str) -> pd.DataFrame:
        """As `Snapshot.results`."""

    def evals(self) -> pd.DataFrame:
        """As `Snapshot.evals`."""


def read_in_view(snapshot: Reads, metric: str | None, where: Sequence[Condition]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the scores (`Snapshot.evals`) and the runs (`Snapshot.results`; `Snapshot.runs` without a metric).

    The un-tuned base model of a run that fits is there even where its own row does not fit, for example because it is
    of no sweep: it is what the others are measured against.

    Raises:
        FilterError: a condition names neither a column nor a configuration key.
    """
    fitting = snapshot.runs(where)
    everything = snapshot.results(metric) if metric else snapshot.runs()
    if not where:
        return snapshot.evals(), everything
    bases = base_runs(everything) & everything["model"].isin(fitting["model"].dropna())
    runs = everything[everything["run_id"].isin(fitting["run_id"]) | bases].reset_index(drop=True)
    scores = snapshot.evals()
    return scores[scores["run_id"].isin(runs["run_id"])].reset_index(drop=True), runs
