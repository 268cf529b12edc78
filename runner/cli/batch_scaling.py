"""`ucurve batch-scaling`: optimal learning rate against batch size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

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
from runner.cli.scaling_options import SettingOption, split_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.scaling.batch_scaling import BatchScaling


_MOST_LEFT_OUT: Final = 10
"""Left-out curves that are listed one by one; a warning counts all of them by reason, and JSON has each."""


def show_batch_scaling(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    setting: SettingOption = None,
    batch_axis: Annotated[
        Literal["batch_size", "batch_tokens"],
        typer.Option("--batch-axis", help="Sequences per step, or mean trained tokens per step."),
    ] = "batch_size",
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show how the optimal learning rate scales with the batch size: one exponent or two, and how sure that is."""
    from analysis.scaling.batch_scaling import compute_batch_scaling

    results, better = read_directed_results(store, metric, where, direction)
    found = compute_batch_scaling(
        results, metric=metric, direction=better, setting=split_keys(setting), batch_axis=batch_axis
    )
    if json_output:
        print_json(found.to_json())
        return
    _print_points(found)
    print_lines([found.verdict, *_sentences(found), *(f"! {warning}" for warning in found.warnings)])


def _print_points(found: BatchScaling) -> None:
    from analysis.number_format import format_estimated_lr
    from analysis.scaling.verdict import number_text

    rows: list[tuple[object, ...]] = [
        (
            one.label,
            number_text(point.x),
            format_estimated_lr(point.lr, point.curve.lr_step),
            f"{point.se_ln:.2g}",
            point.source,
        )
        for one in found.settings
        for point in one.points
    ]
    rows += [
        (one.label, None if one.x is None else number_text(one.x), None, None, f"left out: {one.reason}")
        for one in found.left_out[:_MOST_LEFT_OUT]
    ]
    if len({point.x for one in found.settings for point in one.points}) > 1:
        print_table(("setting", f"!{found.batch_axis}", "!optimal lr", "!se(ln lr)", ""), rows)
        print_lines([""])


def _sentences(found: BatchScaling) -> Iterator[str]:
    from analysis.scaling.verdict import format_exponent, number_text, range_text

    if found.law.alpha is not None:
        interval = f"95 % {range_text(found.law.interval)}, " if found.law.interval else ""
        yield f"power law: exponent {format_exponent(found.law.alpha)} ({interval}{found.law.interval_method})"
    hinge = found.hinge
    if hinge.alpha_below is not None and hinge.alpha_above is not None and hinge.break_batch_size is not None:
        yield (
            f"hinge: {format_exponent(hinge.alpha_below)} below batch {number_text(hinge.break_batch_size)}, "
            f"{format_exponent(hinge.alpha_above)} above (AIC better by {hinge.delta_aic:.1f}, p = {hinge.p_value:.3g})"
        )
    else:
        yield f"hinge: none, {hinge.reason}"
    collapse = found.collapse
    if collapse.best_alpha is not None:
        interval = f" (95 % {range_text(collapse.interval)})" if collapse.interval else ""
        yield f"collapse of loss against LR/batch^alpha: best alpha {format_exponent(collapse.best_alpha)}{interval}"
    else:
        yield f"collapse: none, {collapse.reason}"
