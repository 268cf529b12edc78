"""What a U-curve's plot shows besides its means: the fit with its band, bounds, and where runs diverged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.theme import escape, with_alpha
from analysis.lr_curves.types import LrCurve, LrPoint
from analysis.number_format import format_estimated_lr, format_tried_lr

_N_FIT_POINTS: Final = 60
# Where diverged runs stand: a strip at the top (bottom where higher is better), since they have no value.
_DIVERGED_Y: Final = 0.97
_MOST_SHOWN_RUN_IDS: Final = 4
# Where the best learning rate tried is only a bound, an arrow points to where the optimum may be.
_EDGE_SYMBOLS: Final = {"low": "arrow-left", "high": "arrow-right", "bounded_by_divergence": "line-ns"}
_EDGE_TEXTS: Final = {
    "low": "the lowest one tried: the optimum may be lower still",
    "high": "the highest one tried: the optimum may be higher still",
    "bounded_by_divergence": "next to one that diverged: the optimum is here or between the two",
}


def add_band(figure: go.Figure, curve: LrCurve, color: str) -> None:
    """Adds the 95 % band of the fitted mean, where residuals or replicates say how wide it is."""
    fit = curve.fit
    rates = [] if fit is None else np.geomspace(*fit.lr_range, _N_FIT_POINTS).tolist()
    widths = None if fit is None else fit.half_widths_at(rates)
    if fit is None or widths is None or curve.interval is None:
        return  # a band of hardly any freedom would be taller than the plot
    values = fit.values_at(rates)
    upper = [value + width for value, width in zip(values, widths, strict=True)]
    lower = [value - width for value, width in zip(values, widths, strict=True)]
    figure.add_scatter(
        x=[*rates, *rates[::-1]],
        y=[*upper, *lower[::-1]],
        mode="lines",
        fill="toself",
        fillcolor=with_alpha(color, 0.12),
        line={"width": 0},
        name=f"{escape(curve.label)}: 95 % band",
        legendgroup=curve.label,
        showlegend=False,
        hoverinfo="skip",
    )


def add_edge(figure: go.Figure, curve: LrCurve, color: str) -> None:
    """Marks the best learning rate tried where it is only a bound."""
    if curve.edge not in _EDGE_SYMBOLS or curve.argmin_lr is None or curve.best_mean is None:
        return
    text = f"{escape(curve.label)}<br>best tried {format_tried_lr(curve.argmin_lr)}, {_EDGE_TEXTS[curve.edge]}"
    figure.add_scatter(
        x=[curve.argmin_lr],
        y=[curve.best_mean],
        mode="markers",
        name=f"{escape(curve.label)}: only a bound",
        legendgroup=curve.label,
        showlegend=False,
        marker={
            "color": color,
            "size": 15,
            "symbol": _EDGE_SYMBOLS[curve.edge],
            "line": {"color": color, "width": 2},
        },
        customdata=[text],
        hovertemplate="%{customdata}<extra></extra>",
    )


def add_fit(figure: go.Figure, curve: LrCurve, color: str, *, crowded: bool) -> None:
    """Adds the local fit (not among many curves) and its optimum with the 95 % interval."""
    fit = curve.fit
    if fit is None:
        return
    if not crowded:
        rates = np.geomspace(*fit.lr_range, _N_FIT_POINTS).tolist()
        figure.add_scatter(
            x=rates,
            y=fit.values_at(rates),
            mode="lines",
            name=f"{escape(curve.label)}: local fit",
            legendgroup=curve.label,
            showlegend=False,
            line={"color": with_alpha(color, 0.6), "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
        )
    interval = f"<br>{curve.interval_name} {_range(curve.interval, curve.lr_step)}" if curve.interval else ""
    figure.add_scatter(
        x=[fit.optimum_lr],
        y=[fit.optimum_value],
        error_x={"visible": False} if crowded else _interval_bar(curve, fit.optimum_lr),
        mode="markers",
        name=f"{escape(curve.label)}: optimum",
        legendgroup=curve.label,
        showlegend=False,
        marker={"color": color, "size": 11, "symbol": "x-thin", "line": {"color": color, "width": 2}},
        customdata=[
            f"{escape(curve.label)}<br>optimum {format_estimated_lr(fit.optimum_lr, curve.lr_step)}{interval}",
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _interval_bar(curve: LrCurve, optimum_lr: float) -> dict[str, object]:
    if curve.interval is None:
        return {"visible": False}
    low, high = curve.interval
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(high - optimum_lr, 0.0)],
        "arrayminus": [max(optimum_lr - low, 0.0)],
        "thickness": 2,
        "width": 5,
    }


def add_diverged(figure: go.Figure, curve: LrCurve, color: str) -> None:
    """Adds a cross for every learning rate at which runs diverged."""
    diverged = [point for point in curve.points if point.n_diverged > 0]
    if diverged:
        figure.add_scatter(
            x=[point.learning_rate for point in diverged],
            y=[_DIVERGED_Y if curve.direction == "min" else 1 - _DIVERGED_Y] * len(diverged),
            yaxis="y2",
            mode="markers",
            name=f"{escape(curve.label)}: diverged",
            legendgroup=curve.label,
            showlegend=False,
            cliponaxis=False,
            marker={"color": color, "size": 10, "symbol": "x"},
            customdata=[_hover_diverged(curve, point) for point in diverged],
            hovertemplate="%{customdata}<extra></extra>",
        )


def add_diverged_axis(figure: go.Figure, curves: Sequence[LrCurve]) -> None:
    """Puts diverged runs on an axis of their own from 0 to 1, so that they never stretch the loss axis."""
    if not any(point.n for curve in curves for point in curve.points):
        figure.update_layout(yaxis_showticklabels=False)  # nothing finite: the numbers would mean nothing
    if any(point.n_diverged for curve in curves for point in curve.points):
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def _range(interval: tuple[float, float], lr_step: float | None) -> str:
    low, high = (format_estimated_lr(bound, lr_step) for bound in interval)
    return f"{low} to {high}"


def _hover_diverged(curve: LrCurve, point: LrPoint) -> str:
    lines = [
        escape(curve.label),
        f"learning rate {format_tried_lr(point.learning_rate)}",
        f"{point.n_diverged} of {point.n + point.n_diverged} runs diverged",
        list_ids(point.diverged_run_ids),
    ]
    return "<br>".join(lines)


def list_ids(run_ids: Sequence[str]) -> str:
    """Returns run ids for a hover text, the first few of them."""
    more = len(run_ids) - _MOST_SHOWN_RUN_IDS
    return escape(", ".join(run_ids[:_MOST_SHOWN_RUN_IDS])) + (f" and {more} more" if more > 0 else "")
