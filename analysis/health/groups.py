"""What splits the runs into groups, what is mixed inside a curve, and which metrics some runs lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from analysis.health.types import ComparableGroup, Finding, MetricCoverage
from analysis.health.words import count, ids, listed
from analysis.runs.configuration import GroupValue
from analysis.runs.groups import RunGroup, split_comparable, split_curves
from analysis.runs.values import RunValue

_MOST_METRICS = 10
"""Metrics that get a remark each, those that the fewest runs lack first; our choice."""

Columns = Mapping[str, Sequence[GroupValue]]


def list_groups(columns: Columns, runs: Sequence[RunValue]) -> tuple[ComparableGroup, ...]:
    """Returns the groups inside which losses compare, the largest first; runs that are left out belong to none."""
    groups = [
        ComparableGroup(
            label=group.label,
            group=group.group,
            n_runs=len(group.rows),
            n_used=sum(runs[row].role == "value" for row in group.rows),
        )
        for group in split_comparable(columns, _active(runs))
    ]
    return tuple(sorted(groups, key=lambda group: -group.n_runs))


def find_group_oddities(columns: Columns, runs: Sequence[RunValue], trials: Sequence[str | None]) -> Iterator[Finding]:
    """Yields what keeps runs apart, what curves mix, and configurations that diverge sometimes.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        runs: What each row contributes.
        trials: The `trial_key` of each row, None where it has none.
    """
    active = _active(runs)
    yield from _incomparable(split_comparable(columns, active), columns, runs)
    yield from _mixed(split_curves(columns, active, None), runs)
    yield from _sometimes_diverging(runs, trials)


def count_coverage(results: pd.DataFrame, summaries: pd.DataFrame) -> tuple[MetricCoverage, ...]:
    """Returns how many of the runs logged each metric, the most frequent first."""
    ended = set(results.loc[results["status"].isin({"finished", "diverged"}), "run_id"])
    by_metric = {
        str(name): {str(run_id) for run_id in run_ids} for name, run_ids in summaries.groupby("name")["run_id"]
    }
    coverage = [
        MetricCoverage(metric=name, n_runs=len(run_ids), n_lacking=len(ended - run_ids))
        for name, run_ids in by_metric.items()
    ]
    return tuple(sorted(coverage, key=lambda item: (-item.n_runs, item.metric)))


def find_missing_metrics(results: pd.DataFrame, summaries: pd.DataFrame, metric: str) -> Iterator[Finding]:
    """Yields what finished runs lack: a problem if it is `metric`, a remark for each metric that few lack.

    Where tools that log different names meet, most metrics are of few runs: those are one remark together. A diverged
    run may end before its first evaluation, so that only finished ones count here.
    """
    finished = set(results.loc[results["status"] == "finished", "run_id"])
    logged = {str(name): set(run_ids) for name, run_ids in summaries.groupby("name")["run_id"]}
    lacking = {name: finished - logged.get(name, set()) for name in sorted({*logged, metric})}
    if lacking[metric]:
        yield Finding(
            kind="missing_metric",
            severity="problem",
            message=_never_logged(lacking[metric], finished, metric),
            run_ids=ids(lacking[metric]),
            advice=f"Evaluate them, or do not judge by {metric}.",
        )
    others = [name for name in lacking if name != metric and 0 < len(lacking[name]) < len(finished)]
    frequent = sorted(
        (name for name in others if 2 * len(lacking[name]) <= len(finished)), key=lambda x: len(lacking[x])
    )
    for name in sorted(frequent[:_MOST_METRICS]):
        yield Finding(
            kind="missing_metric",
            severity="remark",
            message=_never_logged(lacking[name], finished, name),
            run_ids=ids(lacking[name]),
            advice=f"Comparisons by {name} leave them out.",
        )
    rest = sorted(set(others) - set(frequent[:_MOST_METRICS]))
    if rest:
        yield Finding(
            kind="missing_metric",
            severity="remark",
            message=f"Only some of {count(len(finished), 'finished run')} logged {listed(rest)}.",
            run_ids=ids(run_id for name in rest for run_id in finished - lacking[name]),
            advice="Comparisons by one of them leave the other runs out.",
        )


def _never_logged(lacking: set[str], finished: set[str], name: str) -> str:
    return f"{len(lacking):,} of {count(len(finished), 'finished run')} never logged {name}."


def _active(runs: Sequence[RunValue]) -> list[int]:
    return [row for row, run in enumerate(runs) if run.role != "left_out"]


def _incomparable(groups: Sequence[RunGroup], columns: Columns, runs: Sequence[RunValue]) -> Iterator[Finding]:
    if len(groups) < 2:
        return
    rows = [row for group in groups for row in group.rows]
    keys = [f"{key} ({len({columns[key][row] for row in rows})} values)" for key in groups[0].group]
    largest = max(groups, key=lambda group: len(group.rows))
    others = [runs[row].run_id for group in groups if group is not largest for row in group.rows]
    yield Finding(
        kind="incomparable",
        severity="remark",
        message=f"The runs fall into {len(groups):,} groups whose losses do not compare, by {listed(keys)}. "
        f"{count(len(others), 'run')} are outside the largest one.",
        run_ids=ids(others),
        advice="Filter to one group before naming a winner; a key that should not split them may be misspelled.",
    )


def _mixed(groups: Sequence[RunGroup], runs: Sequence[RunValue]) -> Iterator[Finding]:
    by_warning: dict[str, list[str]] = {}
    for group in groups:
        for warning in group.warnings:
            by_warning.setdefault(warning, []).extend(runs[row].run_id for row in group.rows)
    for warning, run_ids in by_warning.items():
        is_about_sources = "share this curve" in warning
        yield Finding(
            kind="mixed_sources" if is_about_sources else "mixed_settings",
            severity="remark",
            message=warning,
            run_ids=ids(run_ids),
            advice="Filter by source to see each by itself."
            if is_about_sources
            else "Vary one thing at a time, or run each of its values at every learning rate.",
        )


def _sometimes_diverging(runs: Sequence[RunValue], trials: Sequence[str | None]) -> Iterator[Finding]:
    rows = list(zip(runs, trials, strict=True))
    diverged = {trial for run, trial in rows if run.role == "diverged" and trial is not None}
    survivors = [(run.run_id, trial) for run, trial in rows if run.role == "value" and trial in diverged]
    if survivors:
        yield Finding(
            kind="sometimes_diverges",
            severity="remark",
            message=f"{count(len({trial for _, trial in survivors}), 'configuration')} diverged with some seeds only. "
            f"{count(len(survivors), 'finished run')} of them are shown, but compete only where nothing is safe.",
            run_ids=ids(run_id for run_id, _ in survivors),
            advice="The mean of the survivors is better than the truth: judge by the share that diverged, too.",
        )
