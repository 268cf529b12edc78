"""The look that all figures share: readable in light and dark, and by people who cannot tell red from green."""

from __future__ import annotations

import html
from typing import Final, Literal

import plotly.graph_objects as go

Theme = Literal["light", "dark"]

# Okabe & Ito 2008, "Color Universal Design"; black is left out because it vanishes on a dark page.
OKABE_ITO: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")
# A line needs a contrast of 3 to what is behind it (WCAG 2.2, 1.4.11): on white neither their orange nor sky blue nor
# yellow has it, so brown, violet and grey stand there; on a dark page the deep blue has too little.
_PALETTES: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#804219", "#8861F2", "#404040"),
    "dark": ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#F5F5F5"),
}
_INK: Final[dict[Theme, str]] = {"light": "#31333F", "dark": "#FAFAFA"}
_GRID: Final[dict[Theme, str]] = {"light": "rgba(49, 51, 63, 0.12)", "dark": "rgba(250, 250, 250, 0.15)"}
_UNITS: Final = {
    "eval_loss": "nats per target token",
    "train_loss": "nats per target token",
    "eval_bpb": "bits per byte",
}
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star")


def color_of(index: int, theme: Theme) -> str:
    """Returns the colour of the `index`-th line; they repeat after seven, and then the dash changes."""
    palette = _PALETTES[theme]
    return palette[index % len(palette)]


def symbol_of(index: int) -> str:
    """Returns the marker of the `index`-th line, so that colour is never the only difference."""
    return SYMBOLS[index % len(SYMBOLS)]


def dash_of(index: int) -> str:
    """Returns the dash of the `index`-th line; changes when the colours start again."""
    return DASHES[(index // len(SYMBOLS)) % len(DASHES)]


def ink(theme: Theme) -> str:
    """Returns the colour of text and reference lines."""
    return _INK[theme]


def escape(text: str) -> str:
    """Returns text that plotly shows as it is: names come from users and imports, and plotly reads tags in them."""
    return html.escape(text, quote=False)


def metric_title(metric: str, between: str = " ") -> str:
    """Returns the axis title of a metric, with its unit where it is known; `between` stands before the unit.

    >>> metric_title("eval_loss"), metric_title("accuracy")
    ('eval_loss (nats per target token)', 'accuracy')
    """
    return f"{escape(metric)}{between}({_UNITS[metric]})" if metric in _UNITS else f"{escape(metric)}{between}".rstrip()


def with_alpha(color: str, alpha: float) -> str:
    """Returns a `#rrggbb` colour as `rgba(...)` with the given opacity in [0, 1]."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def new_figure(theme: Theme, *, x_title: str, y_title: str) -> go.Figure:
    """Returns an empty figure with the shared look: transparent background, axis titles, one legend below."""
    axis = {
        "gridcolor": _GRID[theme],
        "zeroline": False,
        "linecolor": _GRID[theme],
        "showline": True,
        "ticks": "outside",
        "tickcolor": _GRID[theme],
        "automargin": True,
    }
    return go.Figure(
        layout={
            "template": "plotly_white" if theme == "light" else "plotly_dark",
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "font": {"color": _INK[theme], "size": 13},
            "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
            "hoverlabel": {"align": "left"},
            "modebar": {
                "bgcolor": "rgba(0, 0, 0, 0)",
                "color": with_alpha(_INK[theme], 0.5),
                "activecolor": _INK[theme],
            },
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.02,
                "xanchor": "left",
                "x": 0,
                # An empty line above the names: the buttons in the chart's corner stand there, not on a name.
                "title": {"text": "&nbsp;", "side": "top", "font": {"size": 12}},
            },
            "xaxis": {**axis, "title": {"text": x_title, "font": {"size": 14}}},
            "yaxis": {**axis, "title": {"text": y_title, "font": {"size": 14}}},
        }
    )


def with_message(figure: go.Figure, message: str, theme: Theme) -> go.Figure:
    """Returns the figure with one sentence in its middle, for when there is nothing to draw."""
    figure.add_annotation(
        text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"color": _INK[theme], "size": 16}
    )
    return figure
