"""Putting figures and warnings on the page, figures in the colours of the reader's theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import streamlit as st

from analysis.figures.theme import Theme
from pages._text import md_escape


def show_warnings(warnings: Sequence[str]) -> None:
    """All warnings in one box, so that three of them do not bury what they are about."""
    if warnings:
        lines = [md_escape(warning) for warning in warnings]
        st.warning("\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0], icon=":material/warning:")


class Figure(Protocol):
    """What a plotly figure can do that is needed here; only `analysis.figures` knows plotly itself."""

    def update_layout(self, *, font_family: str, yaxis_range: tuple[float, float] | None) -> object:
        """Change the layout in place."""

    def to_plotly_json(self) -> object:
        """The figure as plain data."""


def theme() -> Theme:
    """The reader's theme; light until the browser has said otherwise."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show_chart(
    figure: Figure, *, key: str, alt: str, height: int = 460, y_range: tuple[float, float] | None = None
) -> None:
    """Draw a figure over the full width.

    Args:
        figure: What to draw.
        key: Identity of the chart, so that a live page updates it in place.
        alt: One sentence that says what it shows, for those who cannot see it.
        height: Height in pixels.
        y_range: Limits of the y axis; everything by default.
    """
    # Plotly's own font is not on the machine; this is the one that Streamlit serves with every page.
    figure.update_layout(font_family='"Source Sans", sans-serif', yaxis_range=y_range)
    st.plotly_chart(
        figure, key=key, alt=alt, height=height, theme=None, config={"displaylogo": False, "displayModeBar": False}
    )
