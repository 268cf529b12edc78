"""U-curves: the metric against the learning rate, one line per group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.lr_curve_marks import add_band, add_diverged, add_diverged_axis, add_edge, add_fit, list_ids
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
from analysis.number_format import format_percent, format_tried_lr, format_value

_ROOM: Final = 1.25
_TICK_DIGITS: Final = ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,))
_MOST_TICKS: Final = 6
# More curves than this are thin lines with their optima; more than the second number have no legend (our choices).
_CROWD: Final = 8
MOST_NAMED: Final = 16
_MOST_RECOMMENDED: Final = 2


def plot_lr_curves(curves: Sequence[LrCurve], *, theme: Theme = "light") -> go.Figure:
    """Returns the U-curves on a log learning-rate axis.

    Per curve: the means with one standard deviation, the single runs behind a replicated mean, the local fit with its
    95 % band and its optimum, an arrow where the best is only a bound, and crosses at the edge of the plot where runs
    diverged. The recommended learning rates are vertical lines. Many curves are drawn as thin lines with their optima.
    """
    metric = curves[0].metric if curves else "metric"
    figure = new_figure(theme, x_title="peak learning rate (log scale)", y_title=metric_title(metric))
    figure.update_xaxes(type="log", tickformat=".0e")
    if not any(curve.points for curve in curves):
        return with_message(figure, "No finished run has this metric yet.", theme)
    crowded = len(curves) > _CROWD
    for index, curve in enumerate(curves):
        color = color_of(index, theme)
        if not crowded:
            add_band(figure, curve, color)
            _add_runs(figure, curve, color)
        _add_means(figure, curve, color, index, crowded=crowded)
        add_edge(figure, curve, color)
        add_fit(figure, curve, color, crowded=crowded)
        add_diverged(figure, curve, color)
    figure.update_layout(showlegend=len(curves) <= MOST_NAMED)
    add_diverged_axis(figure, curves)
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


def _add_means(figure: go.Figure, curve: LrCurve, color: str, index: int, *, crowded: bool) -> None:
    finite = [point for point in curve.points if point.mean is not None]
    figure.add_scatter(
        x=[point.learning_rate for point in finite],
        y=[point.mean for point in finite],
        error_y={
            "type": "data",
            "array": [point.sd or 0.0 for point in finite],
            "visible": not crowded and any(point.sd for point in finite),
            "thickness": 1.5,
            "width": 4,
        },
        mode="lines+markers",
        name=escape(curve.label),
        legendgroup=curve.label,
        line={
            "color": with_alpha(color, 0.6) if crowded else color,
            "width": 1 if crowded else 2,
            "dash": dash_of(index),
        },
        marker={"color": color, "size": 5 if crowded else 9, "symbol": symbol_of(index)},
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


def _add_recommended(figure: go.Figure, curves: Sequence[LrCurve], theme: Theme, *, middle: float) -> None:
    """Adds one vertical line per recommended learning rate, labelled once, with the regret where there is one curve.

    More lines than two have one label together, with their range: several would lie on each other.
    """
    rates = {curve.recommended_lr: curve for curve in curves if curve.recommended_lr is not None}
    many = len(rates) > _MOST_RECOMMENDED
    for rate, curve in sorted(rates.items()):
        text = f"recommended {format_tried_lr(rate)}"
        if many:
            text = f"{text} to {format_tried_lr(max(rates))}" if rate == min(rates) else ""
        if len(curves) == 1 and curve.regret_of_recommended is not None:
            text += f"<br>regret {format_percent(curve.regret_of_recommended)}"
        figure.add_vline(x=rate, line={"color": ink(theme), "width": 1.5, "dash": "dash"}, opacity=0.7)
        if not text:
            continue
        figure.add_annotation(
            x=math.log10(rate),
            y=0,
            yref="paper",
            text=text,
            showarrow=False,
            yanchor="bottom",
            # Text beyond the end of the axis would be cut off.
            xanchor="left" if rate < middle else "right",
            align="left" if rate < middle else "right",
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
        list_ids(point.run_ids),
    ]
    return "<br>".join(lines)
