"""Loss above each batch size's minimum against LR / B^alpha: do the curves fall on one?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.theme import (
    Theme,
    color_of,
    escape,
    metric_title,
    new_figure,
    symbol_of,
    with_alpha,
    with_message,
)
from analysis.number_format import format_tried_lr
from analysis.scaling.types import CollapsePoint
from analysis.scaling.verdict import format_exponent, number_text

_ROOM: Final = 2.0  # what the x axis shows on either side of the points that count


def plot_collapse(
    points: Sequence[CollapsePoint], *, alpha: float, metric: str, batch_axis: str, theme: Theme = "light"
) -> go.Figure:
    """Returns one line per batch size; points that are too far from the optimum to count are faint.

    Args:
        points: Points of one setting.
        alpha: What the batch size is raised to.
        metric: Name of the metric.
        batch_axis: Name of the batch axis.
        theme: Light or dark.
    """
    power = "" if alpha == 0 else f" / {batch_axis}" if alpha == 1 else f" / {batch_axis}^{format_exponent(alpha)}"
    figure = new_figure(
        theme,
        x_title=f"learning rate{power} (log scale)",
        y_title=f"{metric_title(metric, '<br>')}<br>above the minimum of its batch size",
    )
    figure.update_xaxes(type="log", tickformat=".0e", dtick="D2")
    places = sorted({point.x for point in points})
    if not places:
        return with_message(figure, "No batch size has an optimum inside the grid yet.", theme)
    for index, x in enumerate(places):
        members = sorted((point for point in points if point.x == x), key=lambda point: point.learning_rate)
        color = color_of(index, theme)
        figure.add_scatter(
            x=[point.learning_rate / point.x**alpha for point in members],
            y=[point.excess for point in members],
            mode="lines+markers",
            name=f"{escape(batch_axis)} {number_text(x)}",
            line={"color": with_alpha(color, 0.5), "width": 1.5},
            marker={
                "color": [color if point.is_near else with_alpha(color, 0.3) for point in members],
                "size": 9,
                "symbol": symbol_of(index),
            },
            customdata=[_hover(point, batch_axis) for point in members],
            hovertemplate="%{customdata}<extra></extra>",
        )
    near = [point.learning_rate / point.x**alpha for point in points if point.is_near]
    if near:
        figure.update_xaxes(range=[math.log10(min(near) / _ROOM), math.log10(max(near) * _ROOM)])
    return figure


def near_range(points: Sequence[CollapsePoint]) -> tuple[float, float]:
    """Returns limits of the y axis that frame what counts; the cliff at high rates would press it to the axis."""
    near = [point.excess for point in points if point.is_near]
    top = 1.5 * max(near, default=1.0)
    return min([0.0, *near]) - 0.05 * top, top


def _hover(point: CollapsePoint, batch_axis: str) -> str:
    near = "" if point.is_near else "<br>too far from the optimum to count"
    return (
        f"{escape(point.label)}<br>{escape(batch_axis)} {number_text(point.x)}<br>"
        f"LR {format_tried_lr(point.learning_rate)}: {point.excess:.4f} above the minimum, n = {point.n}{near}"
    )
