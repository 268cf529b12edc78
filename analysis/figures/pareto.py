"""The trade-off between two objectives, a third as colour; the front of two as a staircase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.bulk import worst_shown
from analysis.figures.theme import Theme, color_of, escape, ink, metric_title, new_figure, with_alpha, with_message
from analysis.number_format import format_probability
from analysis.pareto.picks import amount_text
from analysis.pareto.types import Front, Objective, ParetoPoint

_GIB: Final = 2.0**30
_ROOM: Final = 0.08
_PICK_SYMBOLS: Final = ("star", "diamond", "square", "triangle-up")


def plot_pareto(front: Front, objectives: Sequence[Objective], *, theme: Theme = "light") -> go.Figure:
    """Returns every configuration, those on the front filled, the picks marked.

    Args:
        front: Of one comparable group.
        objectives: Two or three of those it was computed for: x, y, and what is shown as colour.
        theme: Light or dark.
    """
    x, y = objectives[0], objectives[1]
    figure = new_figure(theme, x_title=_title(x), y_title=_title(y))
    if not front.points:
        return with_message(figure, "No configuration has all of these objectives yet.", theme)
    others = [point for point in front.points if not point.on_front]
    best = front.front
    if len(objectives) == 2:
        _add_staircase(figure, best, x, y, theme)
    _add_points(figure, "dominated", others, objectives, {"color": with_alpha("#7F7F7F", 0.6), "size": 7}, theme)
    _add_points(figure, "on the front", best, objectives, {"color": color_of(0, theme), "size": 11}, theme)
    _add_picks(figure, front, x, y, theme)
    for axis, objective in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        axis(type="log" if objective.scale == "log" else "linear")
    return figure


def value_of(point: ParetoPoint, objective: Objective) -> float:
    """Returns a point's value in the unit of its axis: bytes are shown as GiB."""
    value = point.values[objective.name]
    return value / _GIB if objective.name.endswith("_bytes") else value


def frame_of(front: Front, objective: Objective) -> tuple[float, float] | None:
    """Returns the limits of a linear axis that leave out a worst tenth far away, or None where all is well seen."""
    values = [value_of(point, objective) for point in front.points]
    edge = worst_shown(values, objective.direction)
    if edge is None or objective.scale == "log":
        return None
    inside = [edge, *(value_of(point, objective) for point in front.front)]
    best = min(values) if objective.direction == "min" else max(values)
    low, high = min([best, *inside]), max([best, *inside])
    return low - _ROOM * (high - low), high + _ROOM * (high - low)


def _title(objective: Objective) -> str:
    better = "lower is better" if objective.direction == "min" else "higher is better"
    if objective.name.endswith("_bytes"):
        name = f"{escape(objective.name.removesuffix('_bytes'))} (GiB)"
    elif objective.name.endswith("_s"):
        name = f"{escape(objective.name.removesuffix('_s'))} (s)"
    else:
        name = metric_title(objective.name)
    return f"{name}, {better}"


def _add_staircase(figure: go.Figure, best: Sequence[ParetoPoint], x: Objective, y: Objective, theme: Theme) -> None:
    """The border of what is dominated: from each point of the front straight on until the next one is better."""
    steps = sorted(best, key=lambda point: x.sign * point.values[x.name])
    figure.add_scatter(
        x=[value_of(point, x) for point in steps],
        y=[value_of(point, y) for point in steps],
        mode="lines",
        # Seen from the good end of x, y stays at a point's value until the next point improves it.
        line={"shape": "hv", "color": color_of(0, theme), "width": 1.5, "dash": "dot"},
        name="front",
        showlegend=False,
        hoverinfo="skip",
    )


def _add_points(
    figure: go.Figure,
    name: str,
    points: Sequence[ParetoPoint],
    objectives: Sequence[Objective],
    marker: Mapping[str, object],
    theme: Theme,
) -> None:
    if not points:
        return
    x, y, *third = objectives
    is_front = name == "on the front"
    marker = {**marker, "line": {"color": ink(theme), "width": 1 if is_front else 0}}
    if third:
        marker = {
            **marker,
            "color": [value_of(point, third[0]) for point in points],
            "coloraxis": "coloraxis",
            "opacity": 1.0 if is_front else 0.5,
        }
        figure.update_layout(
            coloraxis={
                "colorscale": "Cividis",
                "reversescale": third[0].direction == "min",
                "colorbar": {"title": {"text": _title(third[0]), "side": "right"}, "thickness": 12},
            }
        )
    figure.add_scatter(
        x=[value_of(point, x) for point in points],
        y=[value_of(point, y) for point in points],
        mode="markers",
        name=f"{name} ({len(points)})",
        marker=marker,
        customdata=[_hover(point) for point in points],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_picks(figure: go.Figure, front: Front, x: Objective, y: Objective, theme: Theme) -> None:
    by_key = {point.trial_key: point for point in front.points}
    chosen = [(pick.rule, by_key[pick.trial_key]) for pick in front.picks if pick.trial_key in by_key]
    for index, (rule, point) in enumerate(chosen):
        figure.add_scatter(
            x=[value_of(point, x)],
            y=[value_of(point, y)],
            mode="markers",
            name=escape(rule.split(":")[0]),
            marker={
                "symbol": f"{_PICK_SYMBOLS[index % len(_PICK_SYMBOLS)]}-open",
                "size": 19 + 3 * index,
                "color": color_of(index + 1, theme),
                "line": {"width": 2.5},
            },
            customdata=[f"{escape(rule)}<br>{_hover(point)}"],
            hovertemplate="%{customdata}<extra></extra>",
        )


def _hover(point: ParetoPoint) -> str:
    lines = [
        escape(point.name),
        *(f"{escape(name)} {amount_text(name, value)}" for name, value in point.values.items()),
        f"n = {point.n}, run {escape(', '.join(point.run_ids[:3]))}{' …' if len(point.run_ids) > 3 else ''}",
    ]
    if point.p_front is not None:
        lines.append(f"on the front with probability {escape(format_probability(point.p_front))}")
    if point.same_as:
        lines.append(f"equalled by {len(point.same_as)} more")
    return "<br>".join(lines)
