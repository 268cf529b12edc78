"""Simple regret against cost: right-continuous steps, one line per strategy, with quartiles over repeated searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.theme import (
    Theme,
    color_of,
    dash_of,
    escape,
    metric_title,
    new_figure,
    with_alpha,
    with_message,
)
from analysis.search.types import Cost, SearchCurve

COST_TITLES: Final[dict[Cost, str]] = {
    "tokens_seen": "trained tokens, all runs of the search",
    "wall_s": "seconds of training, all runs of the search",
    "evaluations": "runs, failed and diverged ones included",
}
_DECADE: Final = 10.0


def plot_search_progress(
    curves: Sequence[SearchCurve], *, metric: str, cost: Cost, theme: Theme = "light"
) -> go.Figure:
    """Returns the regret of what each strategy would have recommended, against what it had spent.

    Args:
        curves: Of one task.
        metric: Name of the metric, for the axis.
        cost: What is spent.
        theme: Light or dark.
    """
    figure = new_figure(theme, x_title=COST_TITLES[cost], y_title=f"regret in {metric_title(metric, '<br>')}")
    known = [curve for curve in curves if curve.steps]
    if not known:
        return with_message(figure, "No search has a finished run yet.", theme)
    for index, curve in enumerate(known):
        _add_curve(figure, curve, index, theme)
    first = min(curve.steps[0].cost for curve in known)
    if first > 0 and max(curve.total_cost for curve in known) >= _DECADE * first:
        figure.update_xaxes(type="log", dtick="D2", tickformat="~s")  # or minor ticks are bare digits: 2 beside 10k
    figure.update_yaxes(rangemode="tozero")
    return figure


def _add_curve(figure: go.Figure, curve: SearchCurve, index: int, theme: Theme) -> None:
    color = color_of(index, theme)
    # The last recommendation holds up to the end of what was spent.
    costs = [*(step.cost for step in curve.steps), curve.total_cost]
    steps = [*curve.steps, curve.steps[-1]]
    if curve.n_searches > 1:
        for values, fill in (([step.high for step in steps], None), ([step.low for step in steps], "tonexty")):
            figure.add_scatter(
                x=costs,
                y=values,
                mode="lines",
                line={"shape": "hv", "width": 0, "color": color},
                fill=fill,
                fillcolor=with_alpha(color, 0.15),
                showlegend=False,
                hoverinfo="skip",
                legendgroup=str(index),
            )
    repeats = f", median of {curve.n_searches}" if curve.n_searches > 1 else ""
    figure.add_scatter(
        x=costs,
        y=[step.regret for step in steps],
        mode="lines+markers",
        name=f"{escape(curve.strategy)} ({curve.n_runs} runs{repeats})",
        legendgroup=str(index),
        line={"shape": "hv", "color": color, "width": 2, "dash": dash_of(index)},
        marker={"size": 5},
        customdata=[
            f"{escape(curve.strategy)}<br>regret {step.regret:.4g}"
            + (f" (quartiles {step.low:.4g} to {step.high:.4g})" if curve.n_searches > 1 else "")
            + (f"<br>since run {escape(step.run_id)}" if step.run_id else "")
            for step in steps
        ],
        hovertemplate="%{customdata}<br>after %{x:,.4g}<extra></extra>",
    )
