"""Figures as plain JSON for a page of our own, and the script that draws them there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import plotly.graph_objects as go
import plotly.io
import plotly.offline

from analysis.figures.theme import Theme

Plot = Callable[[Theme], go.Figure]
Path = tuple[str | int, ...]
Change = tuple[Path, object]


def draw_both(plot: Plot, y_range: tuple[float, float] | None = None) -> tuple[dict[str, Any], list[Change]]:
    """Returns a figure for a light page as JSON, and what is different for a dark one.

    Args:
        plot: Draws the figure for a theme.
        y_range: Limits of its y axis; as drawn by default.
    """
    figures = plot("light"), plot("dark")
    if y_range is not None:
        for figure in figures:
            figure.update_yaxes(range=list(y_range))
    light, dark = map(_plain, figures)
    return light, list(_differences(light, dark, ()))


def draw_again(drawing: str, *, theme: Theme) -> go.Figure:
    """Returns a figure for a theme, from the JSON of an object with what `draw_both` returned as `light` and `dark`."""
    both = json.loads(drawing)
    for path, value in both["dark"] if theme == "dark" else ():
        place = both["light"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    return go.Figure(both["light"])


def plotly_script() -> str:
    """Returns plotly.js whole, as one script that needs nothing else."""
    return str(plotly.offline.get_plotlyjs())


def _plain(figure: go.Figure) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plotly.io.to_json(figure, engine="json"))
    return found


def _differences(light: object, dark: object, path: Path) -> Iterator[Change]:
    """Yields the places where two JSON values differ, as deep inside as they can be told apart."""
    if light == dark:
        return
    if isinstance(light, dict) and isinstance(dark, dict) and light.keys() == dark.keys():
        for key in light:
            yield from _differences(light[key], dark[key], (*path, key))
    elif isinstance(light, list) and isinstance(dark, list) and len(light) == len(dark):
        for place, pair in enumerate(zip(light, dark, strict=True)):
            yield from _differences(*pair, (*path, place))
    else:
        yield path, dark
