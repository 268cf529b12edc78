"""The frame around every page: title, store, filters, freshness. A page runs only when there is something to show."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from analysis.errors import StoreError
from analysis.runs.progress import count_statuses
from analysis.store import Store
from pages import _empty
from pages._charts import ask_image_format
from pages._data import (
    load_metric_directions,
    load_metric_names,
    load_runs,
    load_suggestions,
    load_sweep_ids,
    open_store,
)
from pages._filters import Filters, ask_filters, describe_filters
from pages._live import reload_when
from pages._location import store_location
from pages._paths import shown_path, shown_problem
from pages._queue_store import show_queue_line
from pages._saved_views import show_saved_views
from pages._text import ago_text, count_text, md_escape
from pages._view import View, set_location, set_view


def prepare_view(*, first_steps: bool) -> bool:
    """Open the store, ask for the filters and prepare the page's view; says whether there is anything to show.

    Args:
        first_steps: Whether an empty store is the place to say how runs get into it.

    Raises:
        UcurveError: a store that cannot be read, or a filter that cannot be understood.
    """
    location = store_location()
    set_location(location)
    try:
        store = open_store(location)
        snapshot = store.snapshot()
    except StoreError as problem:
        _empty.show_no_store(shown_path(location), shown_problem(problem), first_steps=first_steps)
        reload_when(lambda: _opens(location))
        return False
    all_runs = load_runs(snapshot)
    if all_runs.empty:
        _empty.show_no_runs(shown_path(location), first_steps=first_steps)
        reload_when(lambda: store.snapshot().key != snapshot.key)
        return False
    filters = ask_filters(
        load_sweep_ids(snapshot),
        load_metric_names(snapshot),
        load_metric_directions(snapshot),
        partial(load_suggestions, snapshot),
    )
    view = View(
        store=store,
        snapshot=snapshot,
        where=filters.conditions,
        metric=filters.metric,
        direction=filters.direction,
        runs=load_runs(snapshot, filters.conditions),
        all_runs=all_runs,
    )
    _show_store_state(view)
    _show_scope(view, filters)
    set_view(view)
    return not view.runs.empty


def _show_store_state(view: View) -> None:
    """In the sidebar: which store, how fresh; while something runs the page reloads itself when a run changes state."""
    with st.sidebar:
        show_saved_views(view.snapshot)
        ask_image_format()
        st.space("small")
        st.caption(f":material/database: {md_escape(shown_path(view.store.location))}")
        st.caption(_freshness(view.all_runs))
        if view.something_runs:
            # Not the view: a session would keep its tables for as long as its tab is open.
            store, version = view.store, view.snapshot.versions[0]
            reload_when(lambda: _runs_version(store) != version)
        show_queue_line()


def _freshness(runs: pd.DataFrame) -> str:
    counts = count_statuses(runs)
    n_running = counts.get("running", 0)
    changed = ago_text(runs["updated_at"].max(), datetime.now(UTC))
    state = f"**{n_running} running**, page updates itself" if n_running else "nothing is running"
    return f"{count_text(len(runs), 'run')}, {state}. Last change {changed}."


def _show_scope(view: View, filters: Filters) -> None:
    """Above the page: what is filtered, and sources if there are several; on a phone the sidebar is folded away."""
    badges = f"{describe_filters(filters)} {_describe_sources(view.runs)}".strip()
    if badges:
        st.markdown(f"{len(view.runs):,} of {count_text(len(view.all_runs), 'run')} {badges}")
    if view.runs.empty:
        _empty.show_nothing_passes(len(view.all_runs))


def _describe_sources(runs: pd.DataFrame) -> str:
    """Where the runs in view come from, as Markdown badges; empty when all are of one source."""
    counts = runs["source"].fillna("unknown source").value_counts()
    badges = [f":gray-badge[{n:,} {md_escape(source)}]" for source, n in counts.items()]
    return " ".join(badges) if len(badges) > 1 else ""


def _runs_version(store: Store) -> int:
    return store.snapshot().versions[0]


def _opens(location: str) -> bool:
    try:
        open_store(location).snapshot()
    except StoreError:
        return False
    return True
