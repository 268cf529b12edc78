"""A benchmark's scores against the loss: does the loss predict them?"""

from __future__ import annotations

from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.benchmarks.correlation_types import LossCorrelation, LossCorrelations
from analysis.benchmarks.texts import value_text
from analysis.benchmarks.types import BenchmarkMatrix
from analysis.figures.theme import Theme, color_of, escape, ink, metric_title, new_figure, symbol_of, with_message

_MOST_NAMED: Final = 8
"""With more groups than this a legend tells nothing; the hover still does."""
MOST_POINTS: Final = 500
"""More cover each other, and cost a browser a second (our choice)."""
_MOST_ERRORS: Final = 100
"""Error bars of more points are a grey wall; the hover has each."""


def plot_loss_against_benchmark(
    matrix: BenchmarkMatrix,
    correlation: LossCorrelations,
    column: str,
    *,
    theme: Theme = "light",
    max_points: int = MOST_POINTS,
) -> go.Figure:
    """Returns one point per row with its item error; groups differ in colour and marker.

    Marked are the row that the loss picks and the row with the best score; a dotted line is the chance level.

    Args:
        matrix: The scores.
        correlation: The losses, groups and correlations of the matrix.
        column: Key of the column to draw.
        theme: Light or dark.
        max_points: Of more rows, so many drawn at random are shown; the axis title says how many there are.
    """
    position = next(at for at, each in enumerate(matrix.columns) if each.key == column)
    about = matrix.columns[position]
    figure = new_figure(
        theme,
        x_title=metric_title(correlation.metric),
        y_title=f"{escape(column)}: {escape(about.metric)} ± item error",
    )
    known = np.isfinite(correlation.losses) & ~matrix.missing[:, position]
    if not known.any():
        return with_message(figure, f"No row has both {escape(correlation.metric)} and a score.", theme)
    drawn = np.flatnonzero(known)
    if len(drawn) > max_points:
        figure.layout.xaxis.title.text += f", {max_points:,} of {len(drawn):,} rows"
        drawn = np.sort(np.random.default_rng(0).choice(drawn, max_points, replace=False))
    if len(drawn) > _MOST_ERRORS:
        figure.layout.yaxis.title.text = f"{escape(column)}: {escape(about.metric)}"
    labels = sorted({correlation.labels[row] for row in drawn})
    for index, label in enumerate(labels):
        rows = [int(row) for row in drawn if correlation.labels[row] == label]
        _add_group(figure, matrix, correlation, position, rows, index, theme)
        figure.data[-1].error_y.visible = len(drawn) <= _MOST_ERRORS and figure.data[-1].error_y.visible
        figure.data[-1].showlegend = 1 < len(labels) <= _MOST_NAMED
    _ring(figure, matrix, correlation, correlation.columns[position], position, theme)
    _name_disagreements(figure, matrix, correlation, correlation.columns[position], position, theme)
    if about.chance_level is not None:
        figure.add_hline(y=about.chance_level, line={"color": ink(theme), "width": 1, "dash": "dot"}, opacity=0.5)
    return figure


def _add_group(
    figure: go.Figure,
    matrix: BenchmarkMatrix,
    correlation: LossCorrelations,
    position: int,
    rows: list[int],
    index: int,
    theme: Theme,
) -> None:
    errors = np.nan_to_num(matrix.stderr[rows, position])
    figure.add_scatter(
        x=correlation.losses[rows],
        y=matrix.scores[rows, position],
        error_y={"type": "data", "array": errors, "visible": bool(errors.any()), "thickness": 1, "width": 0},
        mode="markers",
        name=escape(correlation.labels[rows[0]]),
        marker={"color": color_of(index, theme), "symbol": symbol_of(index), "size": 8},
        customdata=[_hover(matrix, correlation, row, position) for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _ring(
    figure: go.Figure,
    matrix: BenchmarkMatrix,
    correlation: LossCorrelations,
    found: LossCorrelation,
    position: int,
    theme: Theme,
) -> None:
    """Rings around the row with the best loss and the one with the best score, where that is another one."""
    marks = {"picked by the loss": (found.picked, "circle-open"), "best score": (found.best, "square-open")}
    for name, (key, symbol) in marks.items():
        row = None if key is None else matrix.row_index(key)
        if row is None or found.picked == found.best:
            continue
        figure.add_scatter(
            x=[correlation.losses[row]],
            y=[matrix.scores[row, position]],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 17, "color": ink(theme), "line": {"width": 2}},
            hoverinfo="skip",
        )


def _name_disagreements(
    figure: go.Figure,
    matrix: BenchmarkMatrix,
    correlation: LossCorrelations,
    found: LossCorrelation,
    position: int,
    theme: Theme,
) -> None:
    """A triangle below (or above) the rows that score worse (or better) than their loss says."""
    rows = [(each, matrix.row_index(each.row)) for each in found.disagreements]
    marks = [(each, row) for each, row in rows if row is not None]
    if not marks:
        return
    figure.add_scatter(
        x=[correlation.losses[row] for _, row in marks],
        y=[matrix.scores[row, position] for _, row in marks],
        mode="markers",
        name="not what its loss says",
        marker={
            "symbol": [f"triangle-{'up' if each.direction == 'better' else 'down'}-open" for each, _ in marks],
            "size": 14,
            "color": ink(theme),
            "line": {"width": 2},
        },
        hoverinfo="skip",
    )


def _hover(matrix: BenchmarkMatrix, correlation: LossCorrelations, row: int, position: int) -> str:
    score = value_text(matrix.scores[row, position], matrix.stderr[row, position])
    lines = [
        f"<b>{escape(matrix.rows[row].name)}</b>",
        escape(correlation.labels[row]),
        f"{escape(correlation.metric)} {correlation.losses[row]:.4f}",
        f"score {score}",
    ]
    return "<br>".join(lines)
