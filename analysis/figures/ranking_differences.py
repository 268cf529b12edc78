"""How far each configuration is from the winner, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.figures.best_config import SYMBOLS, finish_rows, unique_names
from analysis.figures.theme import Theme, color_of, escape, metric_title, new_figure, with_message
from analysis.ranking.types import ConfigScore, Ranking


def plot_differences(ranking: Ranking, *, metric: str, theme: Theme = "light", max_rows: int = 30) -> go.Figure:
    """Returns each configuration's difference to the winner with its 95 % interval, the nearest on top.

    Args:
        ranking: One comparable group's ranking.
        metric: Name of the metric, for the x axis.
        theme: Light or dark.
        max_rows: Configurations shown; the axis title says how many there are.
    """
    rivals = [score for score in ranking.ranking[1:] if score.difference is not None]
    shown = rivals[:max_rows]
    kind = "over shared seeds" if ranking.is_paired else "of means"
    more = f"<br>nearest {len(shown)} of {len(rivals)}" if len(rivals) > len(shown) else ""
    title = f"difference {kind} to the winner, 95 % interval<br>{metric_title(metric)}{more}"
    figure = new_figure(theme, x_title=title, y_title="")
    if not shown:
        return with_message(figure, "There is no other configuration with known noise.", theme)
    names = unique_names(shown)
    equal = set(ranking.indistinguishable or ())
    kinds = {
        "not told from the winner": [score for score in shown if score.trial_key in equal],
        "worse": [score for score in shown if score.trial_key not in equal],
    }
    for index, (kind, scores) in enumerate(kinds.items(), start=1):
        _add_differences(figure, kind, scores, names, color_of(index, theme))
    finish_rows(figure, shown, names, 0.0, theme)
    return figure


def _add_differences(
    figure: go.Figure, kind: str, scores: Sequence[ConfigScore], names: dict[str, str], color: str
) -> None:
    known = [
        (score, score.difference, score.difference_interval)
        for score in scores
        if score.difference is not None and score.difference_interval is not None
    ]
    if not known:
        return
    figure.add_scatter(
        x=[difference for _, difference, _ in known],
        y=[names[score.trial_key] for score, _, _ in known],
        error_x={
            "type": "data",
            "array": [high - difference for _, difference, (_, high) in known],
            "arrayminus": [difference - low for _, difference, (low, _) in known],
            "thickness": 1.5,
            "width": 4,
        },
        mode="markers",
        name=kind,
        marker={"color": color, "size": 9, "symbol": SYMBOLS.get(kind, "circle-open")},
        customdata=[
            f"{escape(score.name)}<br>{difference:+.3g} ({low:+.3g} to {high:+.3g}), n = {score.n}"
            for score, difference, (low, high) in known
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
