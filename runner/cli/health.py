"""`ucurve health`: which runs count, why the others do not, and what is wrong with the data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.options import (
    DEFAULT_STORE,
    METRICS_SHOWN,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    WhereOption,
    open_store,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.health.check import HealthReport

PARTIAL = 1


def show_health(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show which runs count, why the others do not, and what is wrong with the data; exit code 1 for problems."""
    from datetime import UTC, datetime

    from analysis.health.check import check_health, read_frames
    from analysis.runs.direction import direction_of
    from analysis.runs.filters import parse_conditions

    opened = open_store(store)
    snapshot = opened.snapshot()
    frames = read_frames(opened, snapshot, metric, parse_conditions(where or ()))
    better = direction or direction_of(metric, snapshot.metric_directions())
    report = check_health(frames, metric=metric, direction=better, now=datetime.now(UTC))
    if json_output:
        print_json(report.to_json())
    else:
        _print_report(report)
    if report.problems:
        raise typer.Exit(PARTIAL)


def _print_report(report: HealthReport) -> None:
    print_lines([f"{report.n_used:,} of {report.n_runs:,} runs enter a mean of {report.metric}."])
    if report.excluded:
        reasons = Counter((each.kind, each.reason) for each in report.excluded)
        print_table(("!runs", "left out because"), [(n, reason) for (_, reason), n in reasons.most_common()])
    for finding in report.findings:
        runs = (
            f" [{', '.join(finding.run_ids[:3])}{', ...' if len(finding.run_ids) > 3 else ''}]"
            if finding.run_ids
            else ""
        )
        print_lines([f"{finding.severity}: {finding.message}{runs}", f"  {finding.advice}"])
    if not report.findings:
        print_lines(["Nothing is wrong with the data."])
    print_table(
        ("metric", "!runs", "!lacking"),
        [(each.metric, each.n_runs, each.n_lacking) for each in report.coverage[:METRICS_SHOWN]],
    )
    if len(report.coverage) > METRICS_SHOWN:
        print_lines([f"... and {len(report.coverage) - METRICS_SHOWN:,} more metrics (--json lists all)."])
    if len(report.groups) > 1:
        print_table(
            ("comparable group", "!runs", "!used"), [(each.label, each.n_runs, each.n_used) for each in report.groups]
        )
