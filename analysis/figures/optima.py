"""What the charts of scaling laws share: optimal learning rates with their errors, open bounds, lines, log axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.theme import Theme, color_of, escape, ink, new_figure, symbol_of
from analysis.number_format import format_tried_lr
from analysis.scaling.types import LeftOut, OptimumPoint, SettingSlope
from analysis.scaling.verdict import number_text

_MOST_NAMED: Final = 7
_MOST_TICKS: Final = 8
_ROOM: Final = 1.3
_BOUND_SYMBOLS: Final = {"at_least": "triangle-up-open", "at_most": "triangle-down-open"}
_BOUND_TEXTS: Final = {"at_least": "at least", "at_most": "at most"}


def new_scaling_figure(theme: Theme, *, x_title: str, xs: Sequence[float]) -> go.Figure:
    """Returns an empty figure with two log axes; the x axis has a tick at each value where they are few."""
    figure = new_figure(theme, x_title=f"{x_title}, log scale", y_title="optimal peak learning rate (log scale)")
    figure.update_xaxes(type="log")
    # Few ticks: with more, every digit of a decade gets a label and those of 8, 9 and 10 lie on each other.
    figure.update_yaxes(type="log", nticks=4, tickformat="~e")
    places = sorted(set(xs))
    if 0 < len(places) <= _MOST_TICKS:
        figure.update_xaxes(tickvals=places, ticktext=[number_text(x) for x in places])
    if places:
        figure.update_xaxes(range=[math.log10(places[0] / _ROOM), math.log10(places[-1] * _ROOM)])
    return figure


def add_optima(figure: go.Figure, settings: Sequence[SettingSlope], theme: Theme, *, axis: str) -> None:
    """Adds the optima of every setting with 95 % error bars; beyond seven settings they share one look."""
    for index, one in enumerate(settings):
        at = index if len(settings) <= _MOST_NAMED else 0
        ups, downs = zip(*(_bars(point) for point in one.points), strict=True)
        figure.add_scatter(
            x=[point.x for point in one.points],
            y=[point.lr for point in one.points],
            error_y={"type": "data", "array": ups, "arrayminus": downs, "thickness": 1.5, "width": 4},
            mode="markers",
            name=escape(one.label) if len(settings) <= _MOST_NAMED else f"{len(settings)} settings",
            legendgroup=one.label if len(settings) <= _MOST_NAMED else "settings",
            showlegend=len(settings) <= _MOST_NAMED or index == 0,
            marker={"color": color_of(at, theme), "size": 9, "symbol": symbol_of(at)},
            customdata=[_hover(point, axis) for point in one.points],
            hovertemplate="%{customdata}<extra></extra>",
        )


def add_bounds(figure: go.Figure, left_out: Sequence[LeftOut], theme: Theme, *, axis: str) -> None:
    """Adds the optima at the edge of a grid as open triangles that point to where the truth lies."""
    bounds = [one for one in left_out if one.bound and one.bound_lr and one.x]
    if bounds:
        figure.add_scatter(
            x=[one.x for one in bounds],
            y=[one.bound_lr for one in bounds],
            mode="markers",
            name="only a bound (edge of the grid)",
            marker={
                "color": ink(theme),
                "size": 11,
                "symbol": [_BOUND_SYMBOLS[one.bound] for one in bounds if one.bound],
                "line": {"width": 1.5},
            },
            customdata=[_bound_hover(one, axis) for one in bounds],
            hovertemplate="%{customdata}<extra></extra>",
        )


def add_line(
    figure: go.Figure,
    xs: Iterable[float],
    ys: Iterable[float],
    *,
    name: str,
    color: str,
    dash: str = "solid",
    width: float = 2.0,
    group: str | None = None,
    in_legend: bool = True,
) -> None:
    """Adds a line of a law."""
    figure.add_scatter(
        x=list(xs),
        y=list(ys),
        mode="lines",
        name=name,
        legendgroup=group or name,
        showlegend=in_legend,
        line={"color": color, "dash": dash, "width": width},
        hoverinfo="skip",
    )


def _bars(point: OptimumPoint) -> tuple[float, float]:
    reach = math.exp(1.96 * point.se_ln)
    return point.lr * (reach - 1), point.lr * (1 - 1 / reach)


def _hover(point: OptimumPoint, axis: str) -> str:
    curve = point.curve
    source = "best of the grid" if point.source == "grid" else "fitted"
    model = f"{escape(point.model)}<br>" if point.model else ""
    return (
        f"{escape(point.label)}<br>{model}{escape(axis)} {number_text(point.x)}<br>"
        f"optimal LR {format_tried_lr(point.lr)} ({source})<br>n = {curve.n_runs} runs, "
        f"{len(curve.points)} learning rates"
    )


def _bound_hover(one: LeftOut, axis: str) -> str:
    side = _BOUND_TEXTS.get(one.bound or "", "")
    rate = format_tried_lr(one.bound_lr) if one.bound_lr else ""
    place = number_text(one.x) if one.x else ""
    return f"{escape(one.label)}<br>{escape(axis)} {place}<br>optimal LR {side} {rate}<br>{escape(one.reason)}"
