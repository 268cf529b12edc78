"""Importances as bars: what each hyperparameter explains, and what none of them does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.theme import Theme, color_of, escape, ink, new_figure, with_message
from analysis.importance.texts import percent, share_text
from analysis.importance.types import GroupImportance, Interval, KeyImportance

UNEXPLAINED: Final = "not explained"
MAIN_NAME: Final = "explains of the difference (fANOVA)"
PED_NAME: Final = "separates the best from the rest (PED-ANOVA)"
_MAX_NAME: Final = 28


def plot_importance(group: GroupImportance, *, theme: Theme = "light", max_rows: int = 12) -> go.Figure:
    """Returns two bars per hyperparameter with their 95 % intervals, the largest on top, and the rest below.

    Args:
        group: Importances of one comparable group.
        theme: Light or dark.
        max_rows: Hyperparameters shown; the axis title says how many there are.
    """
    shown = group.importances[:max_rows]
    more = (
        f"<br>first {len(shown)} of {len(group.importances)} hyperparameters"
        if len(shown) < len(group.importances)
        else ""
    )
    figure = new_figure(theme, x_title=f"share (%), {group.n_trials} trials{more}", y_title="")
    if not shown or group.unexplained is None:
        return with_message(figure, "There is no ranking of hyperparameters.", theme)
    names = [_axis_name(item) for item in shown]
    _add_bars(figure, MAIN_NAME, names, [item.main for item in shown], [item.interval for item in shown], theme)
    figure.data[-1].customdata = [f"{escape(item.key)}<br>explains {share_text(item)}" for item in shown]
    if any(item.ped is not None for item in shown):
        shares = [item.ped or 0.0 for item in shown]
        _add_bars(figure, PED_NAME, names, shares, [item.ped_interval for item in shown], theme, index=1)
        figure.data[-1].customdata = [
            f"{escape(item.key)}<br>{percent(item.ped or 0.0)} of what separates the best trials" for item in shown
        ]
    _add_unexplained(figure, group, theme)
    figure.update_layout(barmode="group", bargap=0.3)
    figure.update_xaxes(range=[0, _right_end(group)], ticksuffix=" %")
    # Reversed, so that the largest is on top and of two bars the first one.
    figure.update_yaxes(
        categoryorder="array", categoryarray=[*names, UNEXPLAINED], autorange="reversed", showgrid=False
    )
    return figure


def _add_bars(
    figure: go.Figure,
    name: str,
    names: Sequence[str],
    shares: Sequence[float],
    intervals: Sequence[Interval | None],
    theme: Theme,
    *,
    index: int = 0,
) -> None:
    pairs = list(zip(shares, intervals, strict=True))
    figure.add_bar(
        x=[100 * share for share in shares],
        y=list(names),
        orientation="h",
        offsetgroup=str(index),
        name=name,
        marker={"color": color_of(index, theme)},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (bounds[1] - share) if bounds else 0.0 for share, bounds in pairs],
            "arrayminus": [100 * (share - bounds[0]) if bounds else 0.0 for share, bounds in pairs],
            "visible": any(bounds is not None for bounds in intervals),
            "color": ink(theme),
            "thickness": 1.3,
            "width": 4,
        },
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_unexplained(figure: go.Figure, group: GroupImportance, theme: Theme) -> None:
    """The rest as a hatched bar of its own, so that nobody takes the others for the whole story."""
    share = group.unexplained or 0.0
    noise = "" if group.noise_share is None else f"<br>new seeds alone would move {percent(group.noise_share)}"
    figure.add_bar(
        x=[100 * share],
        y=[UNEXPLAINED],
        orientation="h",
        offsetgroup="0",
        name="interactions and noise",
        marker={"color": "rgba(127, 127, 127, 0.25)", "pattern": {"shape": "/", "fgcolor": ink(theme), "size": 6}},
        customdata=[f"{percent(share)} is left to interactions and noise{noise}"],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _right_end(group: GroupImportance) -> float:
    """Percent at which the axis ends: a multiple of 20 beyond every bar and interval."""
    bounds = [bound for item in group.importances for bound in (item.interval, item.ped_interval) if bound is not None]
    shares = [share for item in group.importances for share in (item.main, item.ped or 0.0)]
    largest = max([group.unexplained or 0.0, *shares, *(high for _, high in bounds)])
    return min(100.0, 20.0 * math.ceil(5 * largest + 1e-9))


def _axis_name(item: KeyImportance) -> str:
    name = item.key if len(item.key) <= _MAX_NAME else f"…{item.key[-_MAX_NAME + 1 :]}"
    return escape(f"{name} (+{len(item.tied)})" if item.tied else name)
