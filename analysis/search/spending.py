"""What each run cost and when it ended, so that a search can be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis.errors import FilterError
from analysis.runs.values import RunValue
from analysis.search.types import Cost

COSTS: Final[tuple[Cost, ...]] = ("tokens_seen", "wall_s", "evaluations")
# What ended, however it ended, was paid for; a lost run may have been, but nobody knows how far it came.
_ENDED: Final = frozenset({"finished", "diverged", "failed", "stopped", "pruned", "lost"})
_OWN_SOURCE: Final = "ucurve"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended.

    Attributes:
        row: Position in the table.
        at: When, in seconds; NaN where nothing says it.
        cost: What it took; NaN where that is unknown.
    """

    row: int
    at: float
    cost: float


def ended_runs(results: pd.DataFrame, cost: Cost) -> list[Ended]:
    """Returns the runs that ended, in the order in which they did; those without a time come last, by run id."""
    costs = np.ones(len(results)) if cost == "evaluations" else _numbers(results, cost)
    times = _end_times(results)
    found = [
        Ended(row, float(times[row]), float(costs[row]))
        for row, status in enumerate(results["status"])
        if str(status) in _ENDED
    ]
    run_ids = [str(run_id) for run_id in results["run_id"]]
    return sorted(found, key=lambda run: (np.isnan(run.at), 0.0 if np.isnan(run.at) else run.at, run_ids[run.row]))


def choose_cost(results: pd.DataFrame, runs: Sequence[RunValue], cost: Cost | None) -> Cost:
    """Returns the cost asked for; else tokens, seconds or runs: the first that every run with a result has.

    Raises:
        FilterError: the cost asked for is unknown for a run with a result.
    """
    for candidate in (cost,) if cost else COSTS:
        if candidate == "evaluations":
            return candidate
        known = _numbers(results, candidate)
        missing = [run.run_id for run, value in zip(runs, known, strict=True) if run.role == "value" and not value > 0]
        if not missing:
            return candidate
        if cost:
            raise FilterError(
                f"{cost} is unknown for {len(missing)} finished run{'s' if len(missing) > 1 else ''} "
                f"(first: {missing[0]}), so searches cannot be compared by it; use evaluations."
            )
    return "evaluations"


def _end_times(results: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds at which runs ended: when our own trainer wrote the last row; else the start plus the seconds it took.

    An imported row is written when it is imported, which says nothing about the order of the runs.
    """
    written = _seconds(results, "updated_at")
    computed = _seconds(results, "created_at") + _numbers(results, "wall_s")
    sources = results["source"] if "source" in results.columns else [None] * len(results)
    pairs = [
        (at, other) if source == _OWN_SOURCE else (other, at)
        for source, at, other in zip(sources, written, computed, strict=True)
    ]
    return np.array([second if np.isnan(first) else first for first, second in pairs], dtype=np.float64)


def _seconds(results: pd.DataFrame, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if name not in results.columns:
        return np.full(len(results), np.nan)
    moments = pd.to_datetime(results[name], utc=True, errors="coerce")
    seconds = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(seconds, dtype=np.float64)


def _numbers(results: pd.DataFrame, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if name not in results.columns:
        return np.full(len(results), np.nan)
    return pd.to_numeric(results[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
