"""How a section puts a figure into a report."""

from __future__ import annotations

from analysis.figures.embed import Plot, draw_both
from analysis.reports.types import Drawing, Figure, Table


def make_figure(
    plot: Plot,
    *,
    name: str,
    title: str,
    alt: str,
    height: int = 440,
    table: Table | None = None,
    y_range: tuple[float, float] | None = None,
) -> Figure:
    """Returns a figure drawn for light and dark pages; everything but the first and the last is as in `Figure`.

    Args:
        plot: Draws it for a theme.
        name: Name of its picture and anchor.
        title: What it shows, as a caption.
        alt: The same for those who cannot see it.
        height: In pixels.
        table: The numbers behind it.
        y_range: Limits of the y axis; everything by default.
    """
    light, dark = draw_both(plot, y_range)
    return Figure(name=name, title=title, alt=alt, drawing=Drawing(light, dark), height=height, table=table)
