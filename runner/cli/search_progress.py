"""`ucurve search-progress`: simple regret against cost, by search strategy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runner.cli.options import (
    DEFAULT_STORE,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    WhereOption,
    read_directed_results,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.search.types import SearchCurve


def show_search_progress(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="KEY",
            help="Configuration key that tells strategies apart, such as search_strategy, sweep_id or source "
            "(default: the first of search_strategy, sampler, sweep_id that varies).",
        ),
    ] = None,
    cost: Annotated[
        Literal["tokens_seen", "wall_s", "evaluations"] | None,
        typer.Option("--cost", help="What is spent (default: the first that is known for every result)."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Show how fast searches came near the best configuration: simple regret against what was spent."""
    from analysis.search.progress import compute_search_progress

    results, better = read_directed_results(store, metric, where, direction)
    found = compute_search_progress(results, metric=metric, direction=better, by=by, cost=cost)
    if json_output:
        print_json(found.to_json())
        return
    if not found.curves:
        print_lines(["No finished run with a value matches, so there is no search to follow."])
    headers = ("task", "strategy", "!searches", "!runs", f"!{found.cost}", "!final regret", "!area")
    print_table(headers, [_cells(curve) for curve in found.curves])
    print_lines(f"  ! {warning}" for warning in found.warnings)


def _cells(curve: SearchCurve) -> tuple[object, ...]:
    regret = None if curve.final_regret is None else f"{curve.final_regret:.4g}"
    area = None if curve.area is None else f"{curve.area:.3f}"
    return (curve.label, curve.strategy, curve.n_searches, curve.n_runs, f"{curve.total_cost:.4g}", regret, area)
