"""What one rerun of a page looks at: one snapshot of one store, narrowed by the filters in the address bar."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analysis.runs.direction import Direction
from analysis.store import Condition, Snapshot, Store
from pages._registry import navigate


@dataclass(frozen=True, kw_only=True)
class View:
    """One consistent look at the store.

    Attributes:
        store: The opened store; only live parts use it again, to see whether something new was written.
        snapshot: What everything on the page is read from.
        where: The filters, all of which hold.
        metric: What configurations are judged by, for example `eval_loss`.
        direction: Whether lower or higher values of it are better.
        runs: Newest row per run that passes the filters, all columns.
        all_runs: The same without the filters.
    """

    store: Store
    snapshot: Snapshot
    where: tuple[Condition, ...]
    metric: str
    direction: Direction
    runs: pd.DataFrame
    all_runs: pd.DataFrame

    @property
    def something_runs(self) -> bool:
        """Whether any run of the store is still being trained or waits for it."""
        return bool(self.all_runs["status"].isin(["running", "queued"]).any())


_current: ContextVar[View | None] = ContextVar("ucurve_view", default=None)
_location: ContextVar[str] = ContextVar("ucurve_location")


def set_view(view: View) -> None:
    """Make a view the one that the page of this rerun shows."""
    _current.set(view)


def set_location(location: str) -> None:
    """Note where the store of this rerun is, whether or not there is one; what was looked at before is forgotten."""
    _location.set(location)
    _current.set(None)


def current_location() -> str:
    """Where the store is, for a page that works without any runs; started outside the frame it starts again inside."""
    location = _location.get(None)
    if location is None:
        navigate()
        st.stop()
    return location


def view_or_none() -> View | None:
    """The view of this rerun, for a page that works without any runs; None where there is nothing to look at."""
    return _current.get()


def current_view() -> View:
    """The view that the frame has prepared for this rerun; a page started outside the frame starts again inside it."""
    view = _current.get()
    if view is None:
        navigate()
        st.stop()
    return view
