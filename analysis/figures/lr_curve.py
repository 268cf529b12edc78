"""U-curves: the metric against the learning rate, one line per group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.theme import (
    Theme,
    color_of,
    dash_of,
    escape,
    ink,
    metric_title,
    new_figure,
    symbol_of,
    with_alpha,
    with_message,
)
from analysis.lr_curves.types import LrCurve, LrPoint
from analysis.number_format import format_estimated_lr, format_percent, format_tried_lr, format_value

_N_FIT_POINTS: Final = 60
_ROOM: Final = 1.25
_TICK_DIGITS: Final = ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,))
_MOST_TICKS: Final = 6
# Where diverged runs stand: a strip at the top (bottom where higher is better), since they have no value.
_DIVERGED_Y: Final = 0.97
_MOST_SHOWN_RUN_IDS: Final = 4


def plot_lr_curves(curves: Sequence[LrCurve], *, theme: Theme = "light") -> go.Figure:
    """Returns the U-curves on a log learning-rate axis.

    Per curve: the means with one standard deviation, the single runs behind a replicated mean, the local fit with its
    optimum, and crosses at the edge of the plot where runs diverged. The recommended learning rates are vertical lines.
    """
    metric = curves[0].metric if curves else "metric"
    figure = new_figure(theme, x_title="peak learning rate (log scale)", y_title=metric_title(metric))
    figure.update_xaxes(type="log", tickformat=".0e")
    if not any(curve.points for curve in curves):
        return with_message(figure, "No finished run has this metric yet.", theme)
    for index, curve in enumerate(curves):
        color = color_of(index, theme)
        _add_runs(figure, curve, color)
        _add_means(figure, curve, color, index)
        _add_fit(figure, curve, color)
        _add_diverged(figure, curve, color)
    _add_diverged_axis(figure, curves)
    low, high = _lr_range(curves)
    _add_recommended(figure, curves, theme, middle=math.sqrt(low * high))
    ticks = _lr_ticks(low, high)
    figure.update_xaxes(
        range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=[format_tried_lr(tick) for tick in ticks]
    )
    return figure


def _lr_range(curves: Sequence[LrCurve]) -> tuple[float, float]:
    """Returns the learning rates that the axis shows: those tried and recommended, and a little room."""
    tried = [point.learning_rate for curve in curves for point in curve.points]
    recommended = [curve.recommended_lr for curve in curves if curve.recommended_lr is not None]
    return min(tried + recommended) / _ROOM, max(tried + recommended) * _ROOM


def _lr_ticks(low: float, high: float) -> list[float]:
    """Returns round learning rates inside a range, few enough for a phone."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in _TICK_DIGITS:
        ticks = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= _MOST_TICKS:
            return inside
    return [float(f"1e{decade}") for decade in decades][:: math.ceil(len(decades) / _MOST_TICKS)]


def _add_means(figure: go.Figure, curve: LrCurve, color: str, index: int) -> None:
    finite = [point for point in curve.points if point.mean is not None]
    figure.add_scatter(
        x=[point.learning_rate for point in finite],
        y=[point.mean for point in finite],
        error_y={
            "type": "data",
            "array": [point.sd or 0.0 for point in finite],
            "visible": any(point.sd for point in finite),
            "thickness": 1.5,
            "width": 4,
        },
        mode="lines+markers",
        name=escape(curve.label),
        legendgroup=curve.label,
        line={"color": color, "width": 2, "dash": dash_of(index)},
        marker={"color": color, "size": 9, "symbol": symbol_of(index)},
        customdata=[_hover(curve, point) for point in finite],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_runs(figure: go.Figure, curve: LrCurve, color: str) -> None:
    """Adds the single runs of replicated means as small dots under the line."""
    pairs = [
        (point.learning_rate, value, run_id)
        for point in curve.points
        if point.n > 1
        for value, run_id in zip(point.values, point.run_ids, strict=True)
    ]
    if pairs:
        figure.add_scatter(
            x=[rate for rate, _, _ in pairs],
            y=[value for _, value, _ in pairs],
            mode="markers",
            name=f"{escape(curve.label)}: single runs",
            legendgroup=curve.label,
            showlegend=False,
            marker={"color": with_alpha(color, 0.45), "size": 5},
            customdata=[escape(run_id) for _, _, run_id in pairs],
            hovertemplate="%{customdata}: %{y:.4f}<extra></extra>",
        )


def _add_fit(figure: go.Figure, curve: LrCurve, color: str) -> None:
    fit = curve.fit
    if fit is None:
        return
    rates = np.geomspace(*fit.lr_range, _N_FIT_POINTS)
    figure.add_scatter(
        x=rates.tolist(),
        y=fit.values_at(rates.tolist()),
        mode="lines",
        name=f"{escape(curve.label)}: local fit",
        legendgroup=curve.label,
        showlegend=False,
        line={"color": with_alpha(color, 0.6), "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    interval = f"<br>95 % interval {_range(curve.interval, curve.lr_step)}" if curve.interval else ""
    figure.add_scatter(
        x=[fit.optimum_lr],
        y=[fit.optimum_value],
        error_x=_interval_bar(curve, fit.optimum_lr),
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


def _add_diverged(figure: go.Figure, curve: LrCurve, color: str) -> None:
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


def _add_diverged_axis(figure: go.Figure, curves: Sequence[LrCurve]) -> None:
    """Puts diverged runs on an axis of their own from 0 to 1, so that they never stretch the loss axis."""
    if not any(point.n for curve in curves for point in curve.points):
        figure.update_layout(yaxis_showticklabels=False)  # nothing finite: the numbers would mean nothing
    if any(point.n_diverged for curve in curves for point in curve.points):
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def _add_recommended(figure: go.Figure, curves: Sequence[LrCurve], theme: Theme, *, middle: float) -> None:
    """Adds one vertical line per recommended learning rate, labelled once, with the regret where there is one curve."""
    rates = {curve.recommended_lr: curve for curve in curves if curve.recommended_lr is not None}
    for rate, curve in rates.items():
        text = f"recommended {format_tried_lr(rate)}"
        if len(curves) == 1 and curve.regret_of_recommended is not None:
            text += f", regret {format_percent(curve.regret_of_recommended)}"
        figure.add_vline(x=rate, line={"color": ink(theme), "width": 1.5, "dash": "dash"}, opacity=0.7)
        figure.add_annotation(
            x=math.log10(rate),
            y=0,
            yref="paper",
            text=text,
            showarrow=False,
            yanchor="bottom",
            # Text beyond the end of the axis would be cut off.
            xanchor="left" if rate < middle else "right",
            xshift=4 if rate < middle else -4,
            font={"color": ink(theme), "size": 12},
        )


def _hover(curve: LrCurve, point: LrPoint) -> str:
    spread = f" ± {format_value(point.sd)} (sd)" if point.sd is not None else ""
    lines = [
        escape(curve.label),
        f"learning rate {format_tried_lr(point.learning_rate)}",
        f"{curve.metric} {format_value(point.mean, point.sd)}{spread}",
        f"n = {point.n}" + (f", {point.n_diverged} diverged" if point.n_diverged else ""),
        _ids(point.run_ids),
    ]
    return "<br>".join(lines)


def _hover_diverged(curve: LrCurve, point: LrPoint) -> str:
    lines = [
        escape(curve.label),
        f"learning rate {format_tried_lr(point.learning_rate)}",
        f"{point.n_diverged} of {point.n + point.n_diverged} runs diverged",
        _ids(point.diverged_run_ids),
    ]
    return "<br>".join(lines)


def _ids(run_ids: Sequence[str]) -> str:
    more = len(run_ids) - _MOST_SHOWN_RUN_IDS
    return escape(", ".join(run_ids[:_MOST_SHOWN_RUN_IDS])) + (f" and {more} more" if more > 0 else "")


def _range(interval: tuple[float, float], lr_step: float | None) -> str:
    low, high = (format_estimated_lr(bound, lr_step) for bound in interval)
    return f"{low} to {high}"
