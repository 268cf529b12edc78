"""Optimal learning rate against the model's width, the LoRA rank, or another setting."""

from __future__ import annotations

from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.optima import add_bounds, add_line, add_optima, new_scaling_figure
from analysis.figures.theme import Theme, color_of, ink, with_message
from analysis.recommendation.recommended_lr import EXPONENTS, rule_lr
from analysis.scaling.lr_scaling import LrScaling
from analysis.scaling.types import PowerLaw, SettingSlope
from analysis.scaling.verdict import format_exponent

_MOST_LINES: Final = 7


def plot_lr_scaling(found: LrScaling, *, theme: Theme = "light") -> go.Figure:
    """Returns the optima on two log axes with a line per family or setting, and Tinker's published rule for widths."""
    xs = [point.x for one in found.settings for point in one.points]
    title = f"{found.against} ({found.unit})" if found.unit else found.against
    figure = new_scaling_figure(theme, x_title=title, xs=xs)
    if not xs:
        return with_message(figure, f"No {found.against} has an optimum inside the grid yet.", theme)
    own = {one.family: one.law for one in found.families} if found.by_model else {}
    for index, one in enumerate(found.settings[:_MOST_LINES]):
        color = color_of(index, theme)
        _add_law(figure, one, own.get(one.label, found.law), color, in_legend=found.by_model or index == 0)
        if found.against == "hidden_size":
            _add_published(figure, one, theme)
    add_optima(figure, found.settings, theme, axis=found.against)
    if not found.by_model:
        add_bounds(figure, found.left_out, theme, axis=found.against)
    return figure


def _add_law(figure: go.Figure, one: SettingSlope, law: PowerLaw, color: str, *, in_legend: bool) -> None:
    intercept = law.intercepts.get(one.label)
    if intercept is None or law.alpha is None:
        return
    ends = np.array([min(point.x for point in one.points), max(point.x for point in one.points)])
    ys = np.exp(intercept + law.alpha * np.log(ends))
    name = f"power law, exponent {format_exponent(law.alpha)}"
    add_line(figure, ends, ys, name=name, color=color, group=f"law {one.label}", in_legend=in_legend)


def _add_published(figure: go.Figure, one: SettingSlope, theme: Theme) -> None:
    family = next((name for name in EXPONENTS if name == one.label), None)
    if family is None:
        return
    widths = [point.x for point in one.points]
    xs = np.geomspace(min(widths) / 1.1, max(widths) * 1.1, 30)
    ys = [rule_lr(family, round(float(x))) for x in xs]
    add_line(figure, xs, ys, name=f"Tinker's rule, {family}", color=ink(theme), dash="dash", width=1.0)
