"""Scores of runs or trials on benchmarks as a heatmap: one cell a score, with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.benchmarks.report import BenchmarkReport
from analysis.benchmarks.types import Floats
from analysis.figures.benchmark_cells import cell_hover, cell_texts
from analysis.figures.theme import Theme, escape, ink, new_figure, with_message

MOST_LABELLED_COLUMNS: Final = 14
"""With more columns than this a number does not fit into its cell; it is in the hover and in the table."""
MOST_ROWS: Final = 150
"""Rows drawn; the tables have all of them."""
_MAX_NAME: Final = 26
_FEW_ROWS: Final = 40
_ROW_WITH_TEXT: Final = 38
_ROW: Final = 20
_THIN_ROW: Final = 14
"""Heights of a row in pixels."""
_LETTER: Final = 7
"""Pixels of a letter of a column's label, which stands upright;"""
_LEAST_LABELS: Final = 130
"""the least that is kept for labels, and"""
_REST: Final = 130
"""what the colour bar and the margins take."""
_FEW_COLUMNS: Final = 20
# Blue to orange over a neutral middle, after Okabe & Ito: told apart with every kind of colour blindness.
_DIVERGING: Final[dict[Theme, list[list[object]]]] = {
    "light": [[0.0, "#D55E00"], [0.25, "#F0B27A"], [0.5, "#F4F4F4"], [0.75, "#7FB6DA"], [1.0, "#0072B2"]],
    "dark": [[0.0, "#E8791E"], [0.25, "#8A4A14"], [0.5, "#2B2D36"], [0.75, "#1F5F8B"], [1.0, "#56B4E9"]],
}
_GREY: Final[dict[Theme, str]] = {"light": "#D9D9DE", "dark": "#45474F"}


def plot_benchmark_heatmap(
    report: BenchmarkReport, *, order: Sequence[int] | None = None, theme: Theme = "light", max_rows: int = MOST_ROWS
) -> go.Figure:
    """Returns the heatmap of a report; missing cells stay empty and carry a cross, columns at chance are grey.

    Colours: with a baseline the difference to it (blue is better, orange worse), else the scale of the scores; scores
    as reported are coloured from the worst to the best of their column, because columns do not share a unit.

    Args:
        report: What to draw.
        order: Positions of the rows from top to bottom; as in the report by default.
        theme: Light or dark.
        max_rows: Rows drawn; the axis title says how many there are.
    """
    rows = list(range(len(report.matrix.rows)) if order is None else order)
    shown, columns = rows[:max_rows], report.matrix.columns
    more = f" (first {len(shown)} of {len(rows)})" if len(rows) > len(shown) else ""
    figure = new_figure(theme, x_title="", y_title=f"{report.matrix.by}{more}")
    if not shown or not columns:
        return with_message(figure, "No benchmark score yet.", theme)
    colours = _colours(report)[shown]
    missing = report.matrix.missing[shown]
    grey = np.array([bool(column.at_chance) for column in columns])
    hovers = [[cell_hover(report, row, at) for at in range(len(columns))] for row in shown]
    texts = cell_texts(report, shown) if len(columns) <= MOST_LABELLED_COLUMNS else [[""] * len(columns)] * len(shown)
    scale = _scale(report, colours, theme)
    _add_cells(figure, np.where(grey, np.nan, colours), texts, hovers, scale)
    flat = {"colorscale": [[0.0, _GREY[theme]], [1.0, _GREY[theme]]], "showscale": False}
    _add_cells(figure, np.where(grey & ~missing, 0.0, np.nan), texts, hovers, flat)
    _add_crosses(figure, missing, hovers, theme)
    _label_axes(figure, [report.matrix.rows[row].name for row in shown], _labels(report))
    return figure


def chart_height(report: BenchmarkReport, max_rows: int = MOST_ROWS) -> int:
    """Returns the pixels that the heatmap of a report needs: enough for numbers in its cells, or for its labels."""
    n_rows = min(max(len(report.matrix.rows), 2), max_rows)
    has_text = len(report.matrix.columns) <= MOST_LABELLED_COLUMNS
    row = _ROW_WITH_TEXT if has_text else _ROW if n_rows <= _FEW_ROWS else _THIN_ROW
    labels = _LETTER * max((len(label) for label in _labels(report)), default=0)
    return _REST + max(_LEAST_LABELS, labels) + row * n_rows


def row_range(n_rows: int) -> tuple[float, float]:
    """Returns the limits of the y axis: the first row on top, no empty row at either end."""
    return min(n_rows, MOST_ROWS) - 0.5, -0.5


def _colours(report: BenchmarkReport) -> Floats:
    matrix = report.matrix
    if report.baseline is not None:
        colours = report.baseline.differences
        if report.normalise is None:
            largest = np.max(np.abs(np.nan_to_num(colours)), axis=0, initial=1e-300)
            scales = [column.scale or size for column, size in zip(matrix.columns, largest, strict=True)]
            colours = colours / np.array(scales)
        return np.where(matrix.missing, np.nan, colours)
    if report.normalise is not None:
        return report.scaled.values
    merit = matrix.scores * matrix.signs
    low = np.min(np.where(matrix.missing, np.inf, merit), axis=0)
    span = np.max(np.where(matrix.missing, -np.inf, merit), axis=0) - low
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(span > 0, (merit - low) / span, np.where(matrix.missing, np.nan, 0.5))


def _scale(report: BenchmarkReport, colours: Floats, theme: Theme) -> dict[str, object]:
    if report.baseline is not None or report.normalise == "z":
        reach = float(np.max(np.abs(np.nan_to_num(colours)), initial=0.0)) or 1.0
        title = "z" if report.baseline is None else f"better than {escape(_short(report.baseline.name))}"
        return {"colorscale": _DIVERGING[theme], "zmin": -reach, "zmax": reach, "colorbar": _bar(title)}
    if report.normalise == "chance":
        return {"colorscale": "Cividis", "zmin": 0.0, "zmax": 1.0, "colorbar": _bar("0 is chance, 1 is perfect")}
    ticks = {"tickvals": [0, 1], "ticktext": ["worst", "best"]}
    return {"colorscale": "Cividis", "zmin": 0.0, "zmax": 1.0, "colorbar": _bar("in its column") | ticks}


def _bar(title: str) -> dict[str, object]:
    """A colour bar below the plot: beside it, a phone would have no room left for the cells."""
    place = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0.0, "yanchor": "top", "ypad": 14}
    return {"title": {"text": title, "side": "bottom"}, "thickness": 10, "len": 0.9, **place}


def _add_cells(
    figure: go.Figure,
    colours: Floats,
    texts: Sequence[Sequence[str]],
    hovers: Sequence[Sequence[str]],
    scale: Mapping[str, object],
) -> None:
    shown = [
        [text if known else "" for text, known in zip(*pair, strict=True)]
        for pair in zip(texts, ~np.isnan(colours), strict=True)
    ]
    figure.add_heatmap(
        z=colours,
        text=shown,
        texttemplate="%{text}",
        customdata=hovers,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        **scale,
    )


def _add_crosses(figure: go.Figure, missing: np.ndarray, hovers: Sequence[Sequence[str]], theme: Theme) -> None:
    where = np.argwhere(missing)
    if not len(where):
        return
    figure.add_scatter(
        x=where[:, 1],
        y=where[:, 0],
        mode="markers",
        name="not measured",
        marker={"symbol": "x-thin", "size": 7, "line": {"width": 1, "color": ink(theme)}, "opacity": 0.5},
        customdata=[hovers[row][at] for row, at in where],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )


def _labels(report: BenchmarkReport) -> list[str]:
    """What stands above each column; one whose items are in some training data is warned of."""
    return [
        f"{'⚠ ' if condition.is_contaminated else ''}{_short(column.key)}{' (at chance)' if column.at_chance else ''}"
        for column, condition in zip(report.matrix.columns, report.conditions, strict=True)
    ]


def _label_axes(figure: go.Figure, names: Sequence[str], labels: Sequence[str]) -> None:
    crowded = len(labels) > _FEW_COLUMNS
    small = {"size": 10}
    figure.update_xaxes(
        tickvals=list(range(len(labels))),
        ticktext=[escape(label) for label in labels],
        side="top",
        tickangle=-90,
        tickfont=small if crowded else None,
        showgrid=False,
        range=[-0.5, len(labels) - 0.5],
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[escape(_short(name)) for name in names],
        tickfont=small if len(names) > _FEW_ROWS else None,
        range=row_range(len(names)),
        showgrid=False,
    )


def _short(name: str) -> str:
    """Returns a long name without its middle: names of one table differ at their ends."""
    half = (_MAX_NAME - 1) // 2
    return name if len(name) <= _MAX_NAME else f"{name[:half]}…{name[-half:]}"
