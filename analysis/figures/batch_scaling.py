"""Optimal learning rate against batch size, with the pooled law, the hinge where it is better, and the usual rules."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.optima import add_bounds, add_line, add_optima, new_scaling_figure
from analysis.figures.theme import Theme, color_of, ink, with_message
from analysis.scaling.batch_scaling import BatchScaling
from analysis.scaling.types import SettingSlope
from analysis.scaling.verdict import format_exponent
from analysis.scaling.weighted_fit import FloatArray

_RULES: Final = (("slope 0", 0.0, "dot"), ("slope 1/2", 0.5, "dash"), ("slope 1", 1.0, "dashdot"))
_MOST_LINES: Final = 7


def plot_batch_scaling(found: BatchScaling, *, theme: Theme = "light") -> go.Figure:
    """Returns the optima on two log axes; edge optima are open triangles, and lines of slope 0, 1/2 and 1 stand by."""
    xs = [point.x for one in found.settings for point in one.points]
    bounds = [one.x for one in found.left_out if one.bound and one.x]
    title = f"{found.batch_axis} ({found.batch_unit})"
    figure = new_scaling_figure(theme, x_title=title, xs=[*xs, *bounds])
    if not xs and not bounds:
        return with_message(figure, "No batch size has an optimum inside the grid yet.", theme)
    if xs:
        _add_rules(figure, found, theme)
        for index, one in enumerate(found.settings[:_MOST_LINES]):
            _add_law(figure, found, one, color_of(index, theme), in_legend=index == 0)
    add_optima(figure, found.settings, theme, axis=found.batch_axis)
    add_bounds(figure, found.left_out, theme, axis=found.batch_axis)
    return figure


def _add_rules(figure: go.Figure, found: BatchScaling, theme: Theme) -> None:
    """Adds the reference slopes through the middle of all optima."""
    points = [point for one in found.settings for point in one.points]
    xs = np.array(sorted({point.x for point in points}))
    if len(xs) < 2:
        return
    middle_x = math.exp(float(np.mean(np.log([point.x for point in points]))))
    middle_y = math.exp(float(np.mean(np.log([point.lr for point in points]))))
    ends = xs[[0, -1]]
    for name, slope, dash in _RULES:
        ys = middle_y * (ends / middle_x) ** slope
        add_line(figure, ends, ys, name=name, color=ink(theme), dash=dash, width=1.0)


def _add_law(figure: go.Figure, found: BatchScaling, one: SettingSlope, color: str, *, in_legend: bool) -> None:
    intercept = found.law.intercepts.get(one.label)
    if intercept is None or found.law.alpha is None:
        return
    ends = min(point.x for point in one.points), max(point.x for point in one.points)
    xs = np.geomspace(*ends, 60)
    if found.hinge.is_better:
        name, ys = "two slopes with a break", _hinge_values(found, one, xs)
    else:
        name = f"power law, exponent {format_exponent(found.law.alpha)}"
        ys = np.exp(intercept + found.law.alpha * np.log(xs))
    add_line(figure, xs, ys, name=name, color=color, group="law", in_legend=in_legend)


def _hinge_values(found: BatchScaling, one: SettingSlope, xs: FloatArray) -> FloatArray:
    """Returns the hinge of one setting; its height is the weighted mean of what its own points say."""
    hinge = found.hinge
    at = (hinge.break_ratio or 1.0) * one.best_x if hinge.relative else hinge.break_batch_size or 1.0

    def rise(x: FloatArray) -> FloatArray:
        u = np.log(x / at)
        below, above = hinge.alpha_below or 0.0, hinge.alpha_above or 0.0
        return np.asarray(below * np.minimum(u, 0.0) + above * np.maximum(u, 0.0))

    weights = np.array([1 / (point.se_ln**2 + found.law.tau**2) for point in one.points])
    logs = np.log([point.lr for point in one.points]) - rise(np.array([point.x for point in one.points]))
    return np.asarray(np.exp(float(weights @ logs / weights.sum()) + rise(xs)))
