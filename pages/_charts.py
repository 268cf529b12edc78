"""Putting figures and warnings on the page, figures in the colours of the reader's theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analysis.figures.theme import Theme
from pages._pictures import Figure, Picture, finish
from pages._tables import offer_csv
from pages._text import md_escape

IMAGE_FORMAT: Final = "image-format"


def show_warnings(warnings: Sequence[str]) -> None:
    """All warnings in one box, so that three of them do not bury what they are about."""
    if warnings:
        lines = [md_escape(warning) for warning in warnings]
        st.warning("\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0], icon=":material/warning:")


def theme() -> Theme:
    """The reader's theme; light until the browser has said otherwise."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show_chart(
    figure: Figure | Picture,
    *,
    key: str,
    alt: str,
    height: int = 460,
    y_range: tuple[float, float] | None = None,
    table: pd.DataFrame | None = None,
) -> None:
    """Draw a figure over the full width; its corner offers the image, the button below what it shows as CSV.

    Args:
        figure: What to draw; a `picture` is built once for all who look.
        key: Identity of the chart, so that a live page updates it in place, and name of the downloaded files.
        alt: One sentence that says what it shows, for those who cannot see it.
        height: Height in pixels.
        y_range: Limits of the y axis; everything by default.
        table: The numbers drawn, to be offered as CSV; None where a table of the page offers them already.
    """
    image = st.session_state.get(IMAGE_FORMAT, "PNG")
    st.plotly_chart(
        figure.figure(y_range) if isinstance(figure, Picture) else finish(figure, y_range),
        key=key,
        alt=alt,
        height=height,
        theme=None,
        config={
            "displaylogo": False,
            "displayModeBar": "hover",
            "modeBarButtons": [["toImage", "resetScale2d"]],
            "toImageButtonOptions": {"format": str(image).lower(), "filename": f"ucurve-{key}", "scale": 2},
        },
    )
    if table is not None:
        offer_csv(table, f"{key}-data")


def ask_image_format() -> None:
    """In the sidebar: as what the camera button in a chart's corner saves it."""
    st.segmented_control(
        "Save charts as",
        ["PNG", "SVG"],
        default="PNG",
        required=True,
        key=IMAGE_FORMAT,
        help="Point at a chart: the camera in its corner saves it as an image.",
    )
