"""One number, large, with what it means: every card of every page."""

from __future__ import annotations

import streamlit as st


def show_card(name: str, value: str, remark: str | None = None, *, meaning: str) -> None:
    """Draws a number.

    Args:
        name: What it is, in a word or two; Markdown.
        value: The number as people of the field write it.
        remark: What belongs right below it; Markdown.
        meaning: How it was found, and for a statistic by which formula and whose; Markdown, shown on the question mark.
    """
    st.metric(name, value, remark, delta_color="off", delta_arrow="off", border=True, help=meaning)
