"""The ranking of configurations: means with their spread, best on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from analysis.figures.theme import Theme, color_of, escape, ink, metric_title, new_figure, with_message
from analysis.number_format import format_probability, format_value
from analysis.ranking.types import ConfigScore, Ranking

SYMBOLS: Final = {"winner": "star", "not told from the winner": "circle", "a run diverged": "x"}
_MAX_NAME: Final = 48
MAX_LINE: Final = 20
"""A longer label takes two lines, or it leaves a phone no room for the plot."""


def plot_ranking(ranking: Ranking, *, metric: str, theme: Theme = "light", max_rows: int = 30) -> go.Figure:
    """Returns mean and standard error of each configuration, best on top.

    Three kinds of points, told apart by colour and marker: the winner, those that cannot be told from it, and the rest;
    small dots are the runs behind each mean. Without replicates there is no error bar, without a finite run no point.

    Args:
        ranking: One comparable group's ranking.
        metric: Name of the metric, for the x axis.
        theme: Light or dark.
        max_rows: Configurations shown; the axis title says how many there are.
    """
    finite = [score for score in ranking.ranking if score.mean is not None]
    shown = finite[:max_rows]
    more = f"<br>best {len(shown)} of {len(finite)} configurations" if len(finite) > len(shown) else ""
    x_title = f"mean {metric_title(metric, ' ± SE<br>')}{more}"
    figure = new_figure(theme, x_title=x_title, y_title="")
    if not shown:
        return with_message(figure, "No configuration has a finished run yet.", theme)
    names = unique_names(shown)
    equal = set(ranking.indistinguishable or ())
    winner = ranking.winner.trial_key if ranking.winner else None
    kinds = {
        "winner": [score for score in shown if score.trial_key == winner],
        "not told from the winner": [
            score for score in shown if score.trial_key in equal and score.trial_key != winner
        ],
        "worse": [s for s in shown if s.rank is not None and s.trial_key != winner and s.trial_key not in equal],
        "a run diverged": [score for score in shown if score.rank is None],
    }
    if ranking.indistinguishable is None:
        kinds["others"] = kinds.pop("worse")
    if any(score.n > 1 for score in shown):
        _add_runs(figure, shown, names, ink(theme))
    for index, (kind, scores) in enumerate(kinds.items()):
        _add_points(figure, kind, scores, names, color_of(index, theme), metric)
    finish_rows(figure, shown, names, shown[0].mean, theme)
    return figure


def chart_height(ranking: Ranking, max_rows: int) -> int:
    """Returns the pixels that the chart needs: long labels take two lines."""
    shown = ranking.ranking[:max_rows]
    row = 44 if any(len(score.name) > MAX_LINE for score in shown) else 28
    return 150 + row * max(len(shown), 2)


def finish_rows(
    figure: go.Figure, shown: Sequence[ConfigScore], names: dict[str, str], line: float | None, theme: Theme
) -> None:
    """One row per configuration, the best on top, and a line through the winner."""
    figure.update_yaxes(
        categoryorder="array", categoryarray=[names[score.trial_key] for score in reversed(shown)], showgrid=False
    )
    figure.add_vline(x=line, line={"color": ink(theme), "width": 1, "dash": "dot"}, opacity=0.5)


def _add_runs(figure: go.Figure, scores: Sequence[ConfigScore], names: dict[str, str], color: str) -> None:
    points = [
        (value, names[score.trial_key], f"{escape(score.name)}<br>seed {seed}: {format_value(value, score.sd)}")
        for score in scores
        for value, seed in zip(score.values, score.seeds, strict=True)
    ]
    xs, ys, texts = zip(*points, strict=True)
    figure.add_scatter(
        x=list(xs),
        y=list(ys),
        mode="markers",
        name="single runs",
        marker={"color": color, "size": 4, "opacity": 0.45},
        customdata=list(texts),
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_points(
    figure: go.Figure,
    kind: str,
    scores: Sequence[ConfigScore],
    names: dict[str, str],
    color: str,
    metric: str,
) -> None:
    if not scores:
        return
    figure.add_scatter(
        x=[score.mean for score in scores],
        y=[names[score.trial_key] for score in scores],
        error_x={
            "type": "data",
            "array": [score.se or 0.0 for score in scores],
            "visible": any(score.se for score in scores),
            "thickness": 1.5,
            "width": 4,
        },
        mode="markers",
        name=kind,
        marker={"color": color, "size": 11, "symbol": SYMBOLS.get(kind, "circle-open")},
        customdata=[_hover(score, metric) for score in scores],
        hovertemplate="%{customdata}<extra></extra>",
    )


def unique_names(scores: Sequence[ConfigScore]) -> dict[str, str]:
    """Returns trial_key -> axis label; two equal labels would be one row, so a repeated one gets its key."""
    names: dict[str, str] = {}
    for score in scores:
        name = _two_lines(score.name if len(score.name) <= _MAX_NAME else f"{score.name[: _MAX_NAME - 1]}…")
        names[score.trial_key] = f"{name} ({score.trial_key[:6]})" if name in names.values() else name
    return names


def _two_lines(name: str) -> str:
    """Returns a label broken at the comma nearest to its middle, when it is long."""
    commas = [index for index, character in enumerate(name) if character == "," and index > 0]
    if len(name) <= MAX_LINE or not commas:
        return escape(name)
    middle = min(commas, key=lambda index: abs(index - len(name) / 2))
    return f"{escape(name[: middle + 1])}<br>{escape(name[middle + 1 :].strip())}"


def _hover(score: ConfigScore, metric: str) -> str:
    failed = f", {score.n_diverged} diverged" if score.n_diverged else ""
    lines = [
        escape(score.name),
        f"rank {score.rank}" if score.rank is not None else "not ranked",
        f"{escape(metric)} {format_value(score.mean, score.sd)}",
        f"sd {format_value(score.sd)}, n = {score.n}{failed}",
        f"probability of being the best {escape(format_probability(score.p_best))}",
    ]
    return "<br>".join(lines)
