"""How a section puts a figure into a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from analysis.figures.embed import draw_both
from analysis.figures.theme import Theme
from analysis.reports.types import Drawing, Figure, Table

if TYPE_CHECKING:
    import plotly.graph_objects as go


def make_figure(
    plot: Callable[[Theme], go.Figure],
    *,
    name: str,
    title: str,
    alt: str,
    height: int = 440,
    table: Table | None = None,
    y_range: tuple[float, float] | None = None,
) -> Figure:
    """Returns a figure drawn for light and dark pages; everything else is as in `Figure`.

    Args:
        plot: Draws it for a theme.
        name: As in `Figure`.
        title: Likewise.
        alt: Likewise.
        height: Likewise.
        table: Likewise.
        y_range: Limits of the y axis; everything by default.
    """

    def framed(theme: Theme) -> go.Figure:
        figure = plot(theme)
        if y_range is not None:
            figure.update_yaxes(range=list(y_range))
        return figure

    light, dark = draw_both(framed)
    return Figure(name=name, title=title, alt=alt, drawing=Drawing(light, dark), height=height, table=table)
