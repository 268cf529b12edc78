"""The data health check: everything that was found, in one report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import pandas as pd

from analysis.health.clocks import find_odd_times
from analysis.health.configurations import find_odd_settings
from analysis.health.curves import find_misplaced_rows, find_odd_values
from analysis.health.duplicates import find_duplicates
from analysis.health.exclusions import explain_exclusions, find_unconfirmed
from analysis.health.groups import count_coverage, find_group_oddities, find_missing_metrics, list_groups
from analysis.health.imports import find_incomplete_imports
from analysis.health.numbers import find_odd_numbers
from analysis.health.types import ComparableGroup, Exclusion, Finding, HealthReport, MetricCoverage, Severity
from analysis.health.words import ids
from analysis.runs.configuration import read_configurations
from analysis.runs.direction import Direction
from analysis.runs.trained import trained_runs
from analysis.runs.values import read_run_values
from analysis.store import Condition, Snapshot, Store, StoreProblem

__all__ = [
    "ComparableGroup",
    "Exclusion",
    "Finding",
    "HealthFrames",
    "HealthReport",
    "MetricCoverage",
    "Severity",
    "check_health",
    "count_runs",
    "read_frames",
]

_ADVICE: Final = {
    "unreadable_file": "Restore the file from a backup, or run the runs in it again.",
    "orphan_metrics": "Write the run's row, or leave them: nothing reads values without a run.",
    "orphan_objects": "Write the run's row, or leave them: nothing reads objects without a run.",
    "orphan_evals": "Write the run's row, or leave them: nothing reads scores without a run.",
    "run_without_metrics": "Run it again: a finished run without values tells nothing.",
    "import_without_run": "Import the source again.",
    "duplicate_metrics": "The value logged last counts; let one writer at a time write a run.",
}


@dataclass(frozen=True, kw_only=True)
class HealthFrames:
    """What the check looks at, as a snapshot gives it.

    Attributes:
        results: `Snapshot.results(metric)`, one row per run.
        summaries: `Snapshot.metric_summaries()`, one row per run and metric.
        paces: `Snapshot.paces(metric)`, one row per run that logged it.
        problems: `Store.check()`: what is wrong with files and rows of the whole store.
        imports: `Snapshot.imports()`: how much of each source arrived, of the whole store.
    """

    results: pd.DataFrame
    summaries: pd.DataFrame
    paces: pd.DataFrame
    problems: Sequence[StoreProblem] = ()
    imports: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_frames(store: Store, snapshot: Snapshot, metric: str, where: Sequence[Condition] = ()) -> HealthFrames:
    """Returns what the check looks at: the runs that fit the conditions, and the files of the whole store.

    Raises:
        FilterError: a condition names neither a column nor a configuration key.
        StoreError: a file cannot be read.
    """
    return HealthFrames(
        results=snapshot.results(metric, where),
        summaries=snapshot.metric_summaries(where),
        paces=snapshot.paces(metric, where),
        problems=store.check(),
        imports=snapshot.imports(),
    )


def check_health(frames: HealthFrames, *, metric: str, direction: Direction, now: datetime) -> HealthReport:
    """Returns which runs are used, why the others are not, and what is wrong or odd about the data.

    Args:
        frames: As `read_frames` gives them.
        metric: The metric in `frames.results`.
        direction: Whether lower (`min`) or higher values of it are better.
        now: The present, with a time zone: running runs fall silent, clocks run ahead.
    """
    frames = replace(frames, results=trained_runs(frames.results))
    findings = sorted(_findings(frames, metric, direction, now), key=lambda finding: finding.severity != "problem")
    return replace(
        count_runs(frames.results, metric=metric, direction=direction),
        findings=tuple(findings),
        coverage=count_coverage(frames.results, frames.summaries),
    )


def count_runs(results: pd.DataFrame, *, metric: str, direction: Direction) -> HealthReport:
    """Returns which runs are used and why the others are not; without findings and coverage, which take long.

    Args:
        results: `Snapshot.results(metric)`, one row per run.
        metric: The metric in it.
        direction: Whether lower (`min`) or higher values of it are better.
    """
    results = trained_runs(results)
    runs = read_run_values(results)
    return HealthReport(
        metric=metric,
        direction=direction,
        n_runs=len(runs),
        n_used=sum(run.role == "value" for run in runs),
        excluded=explain_exclusions(results, metric),
        findings=(),
        coverage=(),
        groups=list_groups(read_configurations(results), runs),
    )


def _findings(frames: HealthFrames, metric: str, direction: Direction, now: datetime) -> Iterator[Finding]:
    results, summaries, paces = frames.results, frames.summaries, frames.paces
    yield from _stored_problems(frames.problems)
    yield from find_incomplete_imports(frames.imports)
    if results.empty:
        return
    runs = read_run_values(results)
    columns = read_configurations(results)
    numbered = results.reset_index(drop=True)
    counted = numbered[[run.role in ("value", "diverged") for run in runs]]
    yield from find_duplicates(counted, columns, summaries, metric)
    yield from find_missing_metrics(results, summaries, metric)
    yield from find_odd_settings(results, columns)
    yield from find_odd_numbers(results)
    yield from find_odd_values(counted, summaries, paces, metric=metric, direction=direction)
    yield from find_misplaced_rows(results, summaries)
    yield from find_odd_times(results, summaries, paces, now)
    yield from find_unconfirmed(results)
    yield from find_group_oddities(columns, runs, [None if pd.isna(key) else str(key) for key in results["trial_key"]])


def _stored_problems(problems: Sequence[StoreProblem]) -> Iterator[Finding]:
    """The store's own check names runs one by one, and files by their path; here each kind is one finding."""
    by_kind: dict[str, list[StoreProblem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, found in by_kind.items():
        named = [problem for problem in found if problem.where]
        first = f"{named[0].where}: {named[0].message}."
        more = f" And at least {len(named) - 1:,} more of this kind." if len(named) > 1 else ""
        is_about_runs = kind != "unreadable_file"
        yield Finding(
            kind=kind,
            severity="problem",
            message=f"{first}{more}",
            run_ids=ids(problem.where for problem in named if is_about_runs),
            advice=_ADVICE[kind],
        )
