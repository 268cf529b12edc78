"""Parallel coordinates: one line per trial through its hyperparameters to its metric; drag along an axis to select."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.bulk import worst_shown
from analysis.figures.theme import Theme, escape, ink, new_figure, with_message
from analysis.importance.axes import Axis
from analysis.importance.trial_table import TrialTable
from analysis.runs.direction import Direction

DIVERGED: Final = "diverged"
# Diverged trials end on a place of their own, this share of the range beyond the worst value.
_BEYOND: Final = 0.12
_MOST_TICKS: Final = 12
_MAX_TICK: Final = 14
_DIVERGED_COLOR: Final = "#D55E00"
_CIVIDIS: Final = ("#FEE838", "#C8B866", "#948E77", "#666970", "#35456C", "#00224E")


def plot_parallel_coordinates(
    table: TrialTable, *, metric: str, direction: Direction = "min", theme: Theme = "light"
) -> go.Figure:
    """Returns one line per trial, coloured by the metric; diverged trials in orange, beyond the worst value.

    Args:
        table: The trials with the axes to show, in order.
        metric: Name of the metric.
        direction: Whether lower or higher is better.
        theme: Light or dark.
    """
    figure = new_figure(theme, x_title="", y_title="")
    if not table.values:
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        return with_message(figure, "There is no finished trial yet.", theme)
    finite = [value for value in table.values if math.isfinite(value)]
    edge = worst_shown(finite, direction)
    low, high = _limits(finite, edge, direction)
    # On an axis whose range is nothing, plotly draws nothing.
    span = (high - low) or max(abs(high), 1.0) * 0.01
    place = high + _BEYOND * span if direction == "min" else low - _BEYOND * span
    heights = [min(max(value, low), high) if math.isfinite(value) else place for value in table.values]
    has_diverged = len(finite) < len(heights)
    ends = (min([low, *heights]), max([high, *heights]))
    if ends[0] == ends[1]:
        ends = (low - span, high + span)
    better = -1.0 if direction == "min" else 1.0
    metric_axis = {
        "label": escape(metric),
        "values": heights,
        "range": list(ends),
        **_metric_ticks(low, high, place if has_diverged else None, edge, direction),
    }
    figure.add_trace(
        go.Parcoords(
            dimensions=[*(_dimension(axis) for axis in table.axes), metric_axis],
            line={
                # Plotly draws lines of higher colour values on top: those of the best.
                "color": [better * height for height in heights],
                "cmin": min(better * end for end in ends),
                "cmax": max(better * end for end in ends),
                "colorscale": _colors((high - low) / abs(ends[1] - ends[0]), has_diverged=has_diverged),
            },
            labelangle=-15,
            labelfont={"color": ink(theme), "size": 13},
            tickfont={"color": ink(theme), "size": 11},
            rangefont={"color": "rgba(0, 0, 0, 0)"},
            unselected={"line": {"color": "#7F7F7F", "opacity": 0.08}},
        )
    )
    figure.update_layout(margin={"l": 72, "r": 72, "t": 96, "b": 24})
    return figure


def _dimension(axis: Axis) -> Mapping[str, object]:
    ticks = _level_ticks(axis) if axis.kind in ("levels", "names") else _number_ticks(axis)
    low, high = (axis.low, axis.high) if axis.high > axis.low else (axis.low - 0.5, axis.high + 0.5)
    return {
        "label": escape(axis.key),
        "values": axis.codes.tolist(),
        "range": [low, high],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def _level_ticks(axis: Axis) -> dict[float, str]:
    texts = {float(code): _short(value) for code, value in zip(axis.codes, axis.values, strict=True)}
    every = max(1, math.ceil(len(texts) / _MOST_TICKS))
    return {code: texts[code] for position, code in enumerate(sorted(texts)) if position % every == 0}


def _number_ticks(axis: Axis) -> dict[float, str]:
    if axis.kind == "linear":
        return {float(code): f"{code:.3g}" for code in np.linspace(axis.low, axis.high, 5)}
    first, last = math.ceil(axis.low / math.log(10) - 1e-9), math.floor(axis.high / math.log(10) + 1e-9)
    if last - first < 1:
        return {float(code): f"{math.exp(code):.2g}" for code in np.linspace(axis.low, axis.high, 4)}
    every = max(1, math.ceil((last - first + 1) / _MOST_TICKS))
    return {decade * math.log(10): f"1e{decade}" for decade in range(first, last + 1, every)}


def _limits(finite: Sequence[float], edge: float | None, direction: Direction) -> tuple[float, float]:
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    if edge is None:
        return low, high
    return (low, edge) if direction == "min" else (edge, high)


def _metric_ticks(
    low: float, high: float, diverged_at: float | None, edge: float | None, direction: Direction
) -> dict[str, Sequence[object]]:
    """Five ticks; the one at which worse values are gathered says so, and diverged trials have their own."""
    values = np.linspace(low, high, 5).tolist() if high > low else [low]
    texts = [f"{value:.4g}" for value in values]
    if edge is not None:
        worst = -1 if direction == "min" else 0
        texts[worst] = f"{'≥' if direction == 'min' else '≤'} {texts[worst]}"
    if diverged_at is not None:
        values, texts = [*values, diverged_at], [*texts, DIVERGED]
    return {"tickvals": values, "ticktext": texts}


def _colors(share: float, *, has_diverged: bool) -> list[tuple[float, str]]:
    """Cividis from the worst to the best value; where trials diverged, orange below that `share` of the axis."""
    first = 1 - share if has_diverged else 0.0
    steps = np.linspace(first, 1.0, len(_CIVIDIS)).tolist()
    scale = list(zip(steps, _CIVIDIS, strict=True))
    middle = first / 2
    diverged = [(0.0, _DIVERGED_COLOR), (middle, _DIVERGED_COLOR), (middle, _CIVIDIS[0])]
    return [*diverged, *scale] if has_diverged else scale


def _short(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str("none" if value is None else value)
    return escape(text if len(text) <= _MAX_TICK else f"{text[: _MAX_TICK - 1]}…")
