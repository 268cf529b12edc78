"""What pages read, cached by the snapshot's key: the same look at the same store is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.runs.direction import Direction
from analysis.runs.progress import summarise_sweeps
from analysis.store import Condition, Snapshot, Store
from pages._run_columns import RunTable, arrange_runs, groupable_keys
from pages._view import View

Where = tuple[Condition, ...]
T = TypeVar("T")


@st.cache_resource(max_entries=8, show_spinner=False)
def open_store(location: str) -> Store:
    """The opened store, shared by all sessions.

    Raises:
        StoreError: there is no store at the location, or it cannot be read.
    """
    return Store.open(location)


def load_runs(snapshot: Snapshot, where: Where = ()) -> pd.DataFrame:
    """Newest row per run that passes the filters."""
    return _runs(snapshot.key, where, snapshot)


def load_metric_names(snapshot: Snapshot) -> list[str]:
    """Names of everything that was logged."""
    return _metric_names(snapshot.key, snapshot)


def load_logged_metrics(snapshot: Snapshot, run_ids: Sequence[str]) -> frozenset[str]:
    """Names of what any of these runs has logged."""
    return _logged_metrics(snapshot.key, tuple(run_ids), snapshot)


def load_metric_directions(snapshot: Snapshot) -> dict[str, Direction]:
    """What imports declared of their metrics."""
    return _metric_directions(snapshot.key, snapshot)


def load_sweeps(view: View) -> pd.DataFrame:
    """One row per sweep in view."""
    return _sweeps(view.snapshot.key, view.where, view.metric, view.direction, view.snapshot)


def load_run_table(view: View) -> RunTable:
    """The runs in view, arranged for reading."""
    return _run_table(view.snapshot.key, view.where, view.metric, view.snapshot)


def load_curves(view: View, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
    """Logged values of some runs, decimated by the store."""
    return _curves(view.snapshot.key, tuple(run_ids), metric, view.snapshot)


def analyse(view: View, function: Callable[..., T], **options: Hashable) -> T:
    """What an analysis function says of the last values in view, cached.

    Args:
        view: What is looked at.
        function: A module's own function of (results, *, metric, direction, **options), results as `Snapshot.results`.
        options: Further arguments; tuples instead of lists, so that they can be part of the cache's key.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    key = (name, view.metric, view.direction, tuple(sorted(options.items())))
    found: T = _analysed(view.snapshot.key, view.where, key, view.snapshot, function)
    return found


def load_lr_curves(view: View, group_by: Sequence[str] = ()) -> list[LrCurve]:
    """The U-curves of the runs in view; without `group_by` everything that varies makes a curve of its own."""
    return analyse(view, compute_lr_curves, group_by=tuple(group_by) or None)


def load_group_keys(view: View) -> list[str]:
    """What can make a curve of its own among the runs in view."""
    return _group_keys(view.snapshot.key, view.where, view.snapshot)


# Arguments that start with an underscore are no part of the cache key: its key says all about a snapshot.


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _runs(key: str, where: Where, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.runs(where)


@st.cache_data(max_entries=8, show_spinner=False)
def _metric_names(key: str, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return _snapshot.metric_names()


@st.cache_data(max_entries=32, show_spinner=False)
def _logged_metrics(key: str, run_ids: tuple[str, ...], _snapshot: Snapshot) -> frozenset[str]:  # noqa: ARG001
    return frozenset(_snapshot.metric_summaries((Condition("run_id", "=", run_ids),))["name"])


@st.cache_data(max_entries=8, show_spinner=False)
def _metric_directions(key: str, _snapshot: Snapshot) -> dict[str, Direction]:  # noqa: ARG001
    return _snapshot.metric_directions()


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _results(key: str, where: Where, metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.results(metric, where)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _sweeps(key: str, where: Where, metric: str, direction: Direction, _snapshot: Snapshot) -> pd.DataFrame:
    return summarise_sweeps(_results(key, where, metric, _snapshot), direction=direction)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _run_table(key: str, where: Where, metric: str, _snapshot: Snapshot) -> RunTable:
    return arrange_runs(_results(key, where, metric, _snapshot), metric)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _group_keys(key: str, where: Where, _snapshot: Snapshot) -> list[str]:
    return groupable_keys(_runs(key, where, _snapshot))


@st.cache_data(max_entries=32, show_spinner=False)
def _curves(key: str, run_ids: tuple[str, ...], metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.curves(run_ids, metric)


_Question = tuple[str, str, Direction, tuple[tuple[str, Hashable], ...]]


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Condition: str})
def _analysed(
    key: str, where: Where, question: _Question, _snapshot: Snapshot, _function: Callable[..., object]
) -> Any:  # noqa: ANN401 - what the function returns
    _, metric, direction, options = question
    return _function(_results(key, where, metric, _snapshot), metric=metric, direction=direction, **dict(options))
