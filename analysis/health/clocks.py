"""Times that cannot be: rows from the future, runs that end before they start, trainers that have fallen silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from analysis.health.types import Finding
from analysis.health.words import count, ids
from analysis.store.schema import FINAL_STATUSES

_SLACK: Final = timedelta(minutes=5)
"""Clocks of machines that work together may differ by this much; our choice."""
_SILENCE: Final = timedelta(hours=1)
"""A running run that has logged nothing for this long has probably died; our choice, steps are far shorter."""
_LONGER: Final = 1.05
"""Training may take this much longer than the life of its row before it is odd, besides the slack; our choice."""


def find_odd_times(
    results: pd.DataFrame, summaries: pd.DataFrame, paces: pd.DataFrame, now: datetime
) -> Iterator[Finding]:
    """Yields what is wrong with the times of runs and of their values.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        summaries: As `Snapshot.metric_summaries()` gives it.
        paces: As `Snapshot.paces(metric)` gives it.
        now: The present, with a time zone.
    """
    yield from _impossible_rows(results, now)
    last_s = results["run_id"].map(summaries.groupby("run_id")["last_wall_time"].max()).astype(float)
    yield from _silent(results, last_s, now)
    yield from _too_long(results, last_s)
    back = paces[paces["n_time_back"] > 0]
    if len(back):
        yield Finding(
            kind="time_back",
            severity="remark",
            message=f"In {count(len(back), 'run')} the wall time falls from one step to the next: steps went back or a "
            f"clock was set.",
            run_ids=ids(back["run_id"]),
            advice="Do not read their curves by wall time; log every attempt under a number of its own.",
        )


def _impossible_rows(results: pd.DataFrame, now: datetime) -> Iterator[Finding]:
    early = results[results["updated_at"] < results["created_at"]]
    if len(early):
        yield Finding(
            kind="updated_before_created",
            severity="problem",
            message=f"The last row of {count(len(early), 'run')} is older than the first one.",
            run_ids=ids(early["run_id"]),
            advice="Set the clock of the machine that wrote them; the order of runs by time is not to be trusted.",
        )
    future = results[(results["updated_at"] > now + _SLACK) | (results["created_at"] > now + _SLACK)]
    if len(future):
        yield Finding(
            kind="in_the_future",
            severity="problem",
            message=f"By this machine's clock {count(len(future), 'run')} come from the future.",
            run_ids=ids(future["run_id"]),
            advice="Set the clocks; a row from the future hides newer rows of the same run.",
        )


def _silent(results: pd.DataFrame, last_s: pd.Series, now: datetime) -> Iterator[Finding]:
    """The row that says "running" was written at the start; its time plus the run's own clock is the last value's."""
    heard = results["updated_at"] + pd.to_timedelta(last_s.fillna(0.0).clip(0, 1e9), unit="s")
    silent = results[(results["status"] == "running") & (heard < now - _SILENCE)]
    if len(silent):
        yield Finding(
            kind="silent",
            severity="problem",
            message=f"Nothing was logged for over an hour by {count(len(silent), 'run')} with status running.",
            run_ids=ids(silent["run_id"]),
            advice="Start the sweep again if its trainer has died: it goes on where it stopped.",
        )


def _too_long(results: pd.DataFrame, last_s: pd.Series) -> Iterator[Finding]:
    """A row written once has no life to compare with: `created_at` is then when it was imported."""
    life_s = (results["updated_at"] - results["created_at"]).dt.total_seconds().to_numpy(dtype=float)
    trained_s = np.fmax(results["wall_s"].to_numpy(dtype=float, na_value=np.nan), last_s.to_numpy())
    is_final = results["status"].isin(FINAL_STATUSES).to_numpy()
    longest_s = life_s * _LONGER + _SLACK.total_seconds()
    longer = results[is_final & (life_s >= 1) & (trained_s > longest_s)]
    if len(longer):
        yield Finding(
            kind="too_long",
            severity="remark",
            message=f"Training took longer than what lies between first and last row ({count(len(longer), 'run')}).",
            run_ids=ids(longer["run_id"]),
            advice="Do not use their times as costs before the clocks are checked.",
        )
    negative = results[(results["wall_s"] < 0).fillna(False).astype(bool)]
    if len(negative):
        yield Finding(
            kind="negative_time",
            severity="problem",
            message=f"The training time is negative ({count(len(negative), 'run')}).",
            run_ids=ids(negative["run_id"]),
            advice="Correct wall_s.",
        )
