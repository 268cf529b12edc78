"""What a page shows while there is nothing to show: why, and what to do next."""

from __future__ import annotations

import shlex

import streamlit as st

from pages._text import md_escape


def show_no_store(location: str, reason: str, *, first_steps: bool) -> None:
    """There is no store to read."""
    said = f"**There is no store here yet.**  \n:gray[{md_escape(reason)}.]"
    st.info(said, icon=":material/database_off:")
    if first_steps:
        _show_first_steps(location)


def show_no_runs(location: str, *, first_steps: bool) -> None:
    """The store is there and holds nothing."""
    st.info("**The store is empty.** Its first runs show up here by themselves.", icon=":material/hourglass_empty:")
    if first_steps:
        _show_first_steps(location)


def show_nothing_passes(n_all: int) -> None:
    """The filters leave nothing."""
    st.info(
        f"**No run passes these filters.** The store has {n_all:,}; remove a filter in the sidebar.",
        icon=":material/filter_alt_off:",
    )


def _show_first_steps(location: str) -> None:
    st.markdown("Train a small sweep on the bundled model, run one of your own, or look at another store:")
    store = f"--store {shlex.quote(location)}"
    st.code(
        f"ucurve demo {store}\nucurve sweep SPEC.yaml {store}\nucurve app --store DIR", language="bash", wrap_lines=True
    )
    st.page_link("pages/launch.py", label="Or launch one from here", icon=":material/rocket_launch:")
    st.page_link(
        "pages/import_runs.py", label="Or bring in runs from a table, W&B or other tools", icon=":material/upload_file:"
    )
