"""What a sweep says in the end: the best learning rate of each curve, the recommended one and its regret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.output import DASH, print_lines

if TYPE_CHECKING:
    from analysis.lr_curves.compute import LrCurve


def print_conclusion(store: Path, sweep_id: str, metric: str = "eval_loss") -> None:
    """Prints a few sentences per U-curve of one sweep."""
    from analysis.lr_curves.compute import compute_lr_curves
    from analysis.runs.filters import parse_conditions
    from analysis.store import Store

    results = Store.open(store).snapshot().results(metric, parse_conditions([f"sweep_id={sweep_id}"]))
    curves = compute_lr_curves(results, metric=metric)
    print_lines(line for curve in curves for line in _sentences(curve))


def _sentences(curve: LrCurve) -> Iterator[str]:
    from analysis.number_format import format_estimated_lr, format_percent, format_tried_lr, format_value

    if curve.argmin_lr is None:
        yield f"{curve.label}: no run finished with a finite {curve.metric}"
        return
    best = next(point for point in curve.points if point.learning_rate == curve.argmin_lr)
    value = DASH if best.mean is None else format_value(best.mean, best.sd)
    yield f"{curve.label}: best LR tried {format_tried_lr(curve.argmin_lr)}, {curve.metric} {value} (n = {best.n})"
    if curve.optimum_lr is not None and curve.optimum_lr != curve.argmin_lr:
        bounds = ""
        if curve.interval is not None:
            low, high = (format_estimated_lr(bound, curve.lr_step) for bound in curve.interval)
            bounds = f", {curve.interval_name} {low} to {high}"
        optimum = format_estimated_lr(curve.optimum_lr, curve.lr_step)
        yield f"  estimated optimum {optimum}{bounds} ({curve.optimum_method})"
    if curve.recommended_lr is not None:
        regret = (
            f"regret {format_percent(curve.regret_of_recommended)} ({curve.regret_method})"
            if curve.regret_of_recommended is not None
            else f"regret unknown: {curve.regret_method}"
        )
        yield f"  recommended LR {format_tried_lr(curve.recommended_lr)}, {regret}"
    yield from (f"  ! {warning}" for warning in curve.warnings)
