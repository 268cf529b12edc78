"""`ucurve compare`: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import (
    DEFAULT_STORE,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    read_directed_results,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.runs.side_by_side import ComparedRun, RunComparison


def show_comparison(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID...", help="Runs, as 'ucurve runs' names them.")],
    store: StoreOption = Path(DEFAULT_STORE),
    metric: MetricOption = "eval_loss",
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="RUN_ID", help="Run that differences refer to (default: the first)."),
    ] = None,
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare runs: their last value of a metric, and where their configurations differ."""
    from analysis.runs.side_by_side import compare_runs

    results, better = read_directed_results(store, metric, None, direction)
    comparison = compare_runs(results, metric=metric, direction=better, run_ids=run_ids, reference=reference)
    if json_output:
        print_json(comparison.to_json())
    else:
        _print(comparison)


def _print(comparison: RunComparison) -> None:
    headers = ("run_id", "name", "status", f"!{comparison.metric}", "!step", "!difference", "")
    print_table(headers, [_cells(run, comparison) for run in comparison.runs])
    if not comparison.differing:
        print_lines(["", "Their configurations do not differ."] if len(comparison.runs) > 1 else [])
        return
    rows = [(key, *values) for key, values in comparison.differing]
    print_lines([""])
    print_table(("setting", *(run.run_id for run in comparison.runs)), rows)


def _cells(run: ComparedRun, comparison: RunComparison) -> tuple[object, ...]:
    from analysis.number_format import format_value

    is_reference = run.run_id == comparison.reference
    return (
        run.run_id,
        run.name,
        run.status,
        None if run.value is None else format_value(run.value),
        run.value_step,
        None if run.difference is None or is_reference else f"{run.difference:+.4f}",
        "reference" if is_reference else {True: "better", False: "worse", None: ""}[run.is_better],
    )
