"""Keeping a page current while something is being written, and leaving it alone otherwise."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from analysis.errors import StoreError
from pages._errors import problems_as_text
from pages._sign_in import read_standing

POLL_S = 3.0
"""How often a live part looks again. Our choice: the trainer flushes every three seconds, faster shows nothing new."""


def live(draw: Callable[[], None], *, active: bool) -> None:
    """Draw a part of the page, again every few seconds while `active`; only that part reruns.

    The frame, which lets people in, does not run with it, so the part asks itself whether they still may see it.
    """

    def draw_safely() -> None:
        if not read_standing().is_inside:
            st.rerun(scope="app")
        with problems_as_text():
            draw()

    st.fragment(draw_safely, run_every=POLL_S if active else None)()


def reload_when(changed: Callable[[], bool]) -> None:
    """Rerun the whole page as soon as `changed` says so, or the store has gone."""

    def look() -> None:
        try:
            news = changed()
        except StoreError:
            news = True
        if news:
            st.rerun(scope="app")

    live(look, active=True)
