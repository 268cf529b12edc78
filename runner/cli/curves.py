"""`ucurve lr-curve`: U-curves."""

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
    WhereOption,
    read_directed_results,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.lr_curves.compute import LrCurve

GroupByOption = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="KEYS",
        help="Configuration keys that make curves of their own, separated by commas (default: all that vary).",
    ),
]
DivergedAboveOption = Annotated[
    float | None,
    typer.Option(
        "--diverged-above",
        metavar="VALUE",
        help="Finished runs whose last value is higher count as diverged (default: only non-finite values do).",
    ),
]


def read_keys(text: str | None) -> list[str] | None:
    """Returns keys that were separated by commas, or None where none were given."""
    return None if text is None else [key.strip() for key in text.split(",") if key.strip()]


def show_lr_curves(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    group_by: GroupByOption = None,
    diverged_above: DivergedAboveOption = None,
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show loss against learning rate: one U-curve per group, its optimum and how sure that is."""
    results, better = read_directed_results(store, metric, where, direction)

    from analysis.lr_curves.compute import compute_lr_curves

    curves = compute_lr_curves(
        results, metric=metric, group_by=read_keys(group_by), direction=better, diverged_above=diverged_above
    )
    if json_output:
        print_json({"curves": [curve.to_json() for curve in curves]})
    elif not curves:
        print_lines(["No finished, diverged or running runs match."])
    for curve in curves if not json_output else ():
        _print_curve(curve)


def _print_curve(curve: LrCurve) -> None:
    from analysis.number_format import format_tried_lr, format_value

    rows = [
        (
            format_tried_lr(point.learning_rate),
            format_value(point.mean, point.sd) if point.mean is not None else None,
            format_value(point.sd) if point.sd is not None else None,
            point.n,
            point.n_diverged,
            _remark(curve, point.learning_rate),
        )
        for point in curve.points
    ]
    headers = ("!lr", f"!{curve.metric}", "!sd", "!n", "!diverged", "")
    print_table(headers, rows, title=curve.label)
    print_lines([*(f"  {line}" for line in _sentences(curve)), ""])


def _remark(curve: LrCurve, learning_rate: float) -> str:
    return "best tried" if learning_rate == curve.argmin_lr else ""


def _sentences(curve: LrCurve) -> Iterator[str]:
    from analysis.number_format import format_estimated_lr, format_percent, format_tried_lr

    if curve.optimum_lr is not None:
        yield f"optimum {format_estimated_lr(curve.optimum_lr, curve.lr_step)} ({curve.optimum_method})"
    else:
        yield f"optimum {curve.optimum_method}"
    if curve.interval:
        low, high = (format_estimated_lr(bound, curve.lr_step) for bound in curve.interval)
        yield f"{curve.interval_name} {low} to {high} ({curve.interval_method})"
    elif curve.optimum_lr is not None:
        yield f"95 % interval {curve.interval_method}"
    if curve.flat_region:
        low, high = (format_estimated_lr(bound, curve.lr_step) for bound in curve.flat_region)
        yield f"as good as the best: {low} to {high}"
    yield f"shape {curve.shape}, edge {curve.edge}"
    if curve.u_test:
        two_lines = curve.u_test.two_lines_p
        lines = "" if two_lines is None else f", p = {two_lines:.2g} (two lines)"
        yield f"test of a U: p = {curve.u_test.p_value:.2g} (slopes of a parabola at both ends){lines}"
    if curve.recommended_lr is not None:
        regret = (
            f"regret {format_percent(curve.regret_of_recommended)}"
            if curve.regret_of_recommended is not None
            else f"regret {curve.regret_method}"
        )
        yield f"recommended {format_tried_lr(curve.recommended_lr)}, {regret}"
    if curve.next_learning_rates:
        yield f"try next: {', '.join(format_tried_lr(rate) for rate in curve.next_learning_rates)}"
    yield from (f"! {warning}" for warning in curve.warnings)
