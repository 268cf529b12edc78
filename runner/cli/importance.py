"""`ucurve importance`: which hyperparameters matter."""

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
    from analysis.importance.types import GroupImportance, KeyImportance


def show_importance(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys", metavar="KEYS", help="Hyperparameters to look at, separated by commas (default: all that vary)."
        ),
    ] = None,
    scope: Annotated[
        Literal["all", "top"], typer.Option("--scope", help="All trials, or only the better half of them.")
    ] = "all",
    scale: Annotated[
        Literal["rank", "value"],
        typer.Option("--scale", help="Share out the variance of ranks, or of values (diverged ones as the worst)."),
    ] = "rank",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of forests and resamples.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Show what share of the difference between trials each hyperparameter explains, and what none explains."""
    from analysis.importance.compute import compute_importance

    results, better = read_directed_results(store, metric, where, direction)
    names = None if keys is None else [key.strip() for key in keys.split(",") if key.strip()]
    found = compute_importance(
        results, metric=metric, direction=better, keys=names, scope=scope, scale=scale, seed=seed
    )
    if json_output:
        print_json(found.to_json())
    elif not found.groups:
        print_lines(["No finished or diverged runs match."])
    for group in found.groups if not json_output else ():
        _print_group(group)


def _print_group(group: GroupImportance) -> None:
    if group.importances:
        headers = ("hyperparameter", "!share", "!95 %", "!separates the best", "!values")
        print_table(headers, [_cells(item) for item in group.importances], title=group.label)
    else:
        print_lines([group.label])
    lines = [f"  {group.summary}", *(f"  ! {warning}" for warning in group.warnings)]
    if group.importances:
        lines.insert(1, f"  {group.method}; intervals: {group.interval_method}")
    print_lines([*lines, ""])


def _cells(item: KeyImportance) -> tuple[object, ...]:
    from analysis.importance.texts import percent

    interval = None if item.interval is None else f"{100 * item.interval[0]:.0f} to {percent(item.interval[1])}"
    return (item.key, percent(item.main), interval, None if item.ped is None else percent(item.ped), item.n_values)
