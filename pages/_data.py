"""What pages read, cached by the snapshot's key: the same look at the same store is computed once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from analysis.best_config import BestConfiguration, rank_configurations
from analysis.lr_curve import LrCurve, compute_lr_curves
from analysis.progress import summarise_sweeps
from analysis.store import Condition, Snapshot, Store
from pages._run_columns import RunTable, arrange_runs, groupable_keys
from pages._view import View

Where = tuple[Condition, ...]


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


def load_sweeps(view: View) -> pd.DataFrame:
    """One row per sweep in view."""
    return _sweeps(view.snapshot.key, view.where, view.metric, view.snapshot)


def load_run_table(view: View) -> RunTable:
    """The runs in view, arranged for reading."""
    return _run_table(view.snapshot.key, view.where, view.metric, view.snapshot)


def load_curves(view: View, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
    """Logged values of some runs, decimated by the store."""
    return _curves(view.snapshot.key, tuple(run_ids), metric, view.snapshot)


def load_lr_curves(view: View, group_by: Sequence[str] = ()) -> list[LrCurve]:
    """The U-curves of the runs in view; without `group_by` everything that varies makes a curve of its own."""
    return _lr_curves(view.snapshot.key, view.where, view.metric, tuple(group_by), view.snapshot)


def load_group_keys(view: View) -> list[str]:
    """What can make a curve of its own among the runs in view."""
    return _group_keys(view.snapshot.key, view.where, view.snapshot)


def load_ranking(view: View) -> BestConfiguration:
    """The ranking of the configurations in view."""
    return _ranking(view.snapshot.key, view.where, view.metric, view.snapshot)


# Arguments that start with an underscore are no part of the cache key: its key says all about a snapshot.


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _runs(key: str, where: Where, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.runs(where)


@st.cache_data(max_entries=8, show_spinner=False)
def _metric_names(key: str, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return _snapshot.metric_names()


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _results(key: str, where: Where, metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.results(metric, where)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _sweeps(key: str, where: Where, metric: str, _snapshot: Snapshot) -> pd.DataFrame:
    return summarise_sweeps(_results(key, where, metric, _snapshot))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _run_table(key: str, where: Where, metric: str, _snapshot: Snapshot) -> RunTable:
    return arrange_runs(_results(key, where, metric, _snapshot), metric)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _group_keys(key: str, where: Where, _snapshot: Snapshot) -> list[str]:
    return groupable_keys(_runs(key, where, _snapshot))


@st.cache_data(max_entries=32, show_spinner=False)
def _curves(key: str, run_ids: tuple[str, ...], metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.curves(run_ids, metric)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _lr_curves(key: str, where: Where, metric: str, group_by: tuple[str, ...], _snapshot: Snapshot) -> list[LrCurve]:
    return compute_lr_curves(_results(key, where, metric, _snapshot), metric=metric, group_by=group_by or None)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _ranking(key: str, where: Where, metric: str, _snapshot: Snapshot) -> BestConfiguration:
    return rank_configurations(_results(key, where, metric, _snapshot), metric=metric)
