"""`ucurve lr-scaling`: optimal learning rate against the model's width, the LoRA rank, or any numeric key."""

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
from runner.cli.scaling_options import SettingOption, split_keys

if TYPE_CHECKING:
    from analysis.scaling.lr_scaling import LrScaling


def show_lr_scaling(
    against: Annotated[
        str,
        typer.Option("--against", metavar="KEY", help="hidden_size, params, lora_rank or any numeric key."),
    ] = "hidden_size",
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    setting: SettingOption = None,
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show how the optimal learning rate scales with the model's width, the LoRA rank or another setting."""
    from analysis.scaling.lr_scaling import compute_lr_scaling

    results, better = read_directed_results(store, metric, where, direction)
    found = compute_lr_scaling(results, metric=metric, direction=better, against=against, setting=split_keys(setting))
    if json_output:
        print_json(found.to_json())
        return
    _print_points(found)
    print_lines([found.verdict, *(f"! {warning}" for warning in found.warnings)])


def _print_points(found: LrScaling) -> None:
    from analysis.number_format import format_estimated_lr
    from analysis.scaling.verdict import number_text

    rows = [
        (
            one.label,
            point.model,
            number_text(point.x),
            format_estimated_lr(point.lr, point.curve.lr_step),
            f"{point.se_ln:.2g}",
        )
        for one in found.settings
        for point in one.points
    ]
    if rows:
        first = "family" if found.by_model else "setting"
        print_table((first, "model", f"!{found.against}", "!optimal lr", "!se(ln lr)"), rows)
        print_lines([""])
