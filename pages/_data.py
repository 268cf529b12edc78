"""What pages read, cached: the same look at the same store is computed once, for all who look.

Tables are kept under the versions of what they were read from. What analyses say is kept under the digest of the table
that they were given, so that a sweep that is being written does not make anybody wait who looks at another one. All
caches are bounded, in bytes where what is kept can be large, so that memory does not grow with what was looked at.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

import pandas as pd
import streamlit as st

from analysis.alerts.news import SweepLook, look_at_sweeps
from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.runs.direction import Direction
from analysis.runs.progress import summarise_sweeps
from analysis.store import Condition, Snapshot, Store
from pages._filters import suggest_conditions, sweep_ids
from pages._run_columns import RunTable, arrange_runs, groupable_keys
from pages._turns import TURN
from pages._view import View

Where = tuple[Condition, ...]
T = TypeVar("T")

_TABLES: Final = "48MB"
"""Of each kind of table: four of 10,000 runs, hundreds of 100."""
_WHOLE_TABLES: Final = 3
"""Of all runs: 10,000 with a metric's values take 20 MB."""
_MOST_ANSWERS: Final = 128
"""Shared by all who ask: pages show what analyses say and change nothing of it."""
_ANSWERS: Final = "32MB"


@st.cache_resource(max_entries=8, show_spinner=False)
def open_store(location: str) -> Store:
    """The opened store, shared by all sessions.

    Raises:
        StoreError: there is no store at the location, or it cannot be read.
    """
    return Store.open(location)


def load_runs(snapshot: Snapshot, where: Where = ()) -> pd.DataFrame:
    """Newest row per run that passes the filters."""
    key = snapshot.key_of("runs", "agreements", "annotations")
    # Pandas copies what is written to: all may share one table in memory.
    return _runs(key, where, snapshot) if where else _all_runs(key, snapshot).copy(deep=False)


def load_sweep_ids(snapshot: Snapshot) -> list[str]:
    """The sweeps of the store, the one that changed last first."""
    return _sweep_ids(snapshot.key_of("runs", "agreements", "annotations"), snapshot)


def load_suggestions(snapshot: Snapshot, sweep: str | None) -> list[str]:
    """Ready filters for the runs of a sweep; for those of the whole store where it is None."""
    return _suggestions(snapshot.key_of("runs", "agreements", "annotations"), sweep, snapshot)


def load_metric_names(snapshot: Snapshot) -> list[str]:
    """Names of everything that was logged."""
    return _metric_names(snapshot.key_of("runs", "metrics", "agreements"), snapshot)


def load_logged_metrics(snapshot: Snapshot, run_ids: Sequence[str]) -> frozenset[str]:
    """Names of what any of these runs has logged."""
    return _logged_metrics(snapshot.key, tuple(run_ids), snapshot)


def load_metric_directions(snapshot: Snapshot) -> dict[str, Direction]:
    """What imports declared of their metrics."""
    return _metric_directions(snapshot.key_of("runs", "agreements"), snapshot)


def load_sweep_looks(snapshot: Snapshot) -> dict[str, SweepLook]:
    """What there is of every sweep of the store, whatever the filters are."""
    return _sweep_looks(snapshot.key_of("runs", "agreements"), snapshot)


def load_latest(snapshot: Snapshot, where: Where) -> pd.DataFrame:
    """Live progress of the runs that pass the filters: however many look at it, it is read once."""
    return _latest(snapshot.key, where, snapshot)


def load_results(snapshot: Snapshot, metric: str, where: Where = ()) -> pd.DataFrame:
    """`Snapshot.results`, cached; the metric's values are read once for all filters."""
    everything = _results(snapshot.key, metric, snapshot).copy(deep=False)
    if not where:
        return everything
    return everything[everything["run_id"].isin(load_runs(snapshot, where)["run_id"])].reset_index(drop=True)


def digest_results(snapshot: Snapshot, metric: str, where: Where = ()) -> str:
    """The same text for the same results, whatever else was written meanwhile: a key of what follows from them."""
    return _digest(snapshot.key, metric, where, snapshot)


def digest_tables(*parts: pd.DataFrame | str) -> str:
    """The same text for the same tables; where equal ones should differ in it, that costs time and nothing else."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        # Column by column: how pandas lays columns out together depends on the table that they were taken from.
        columns = [part] if isinstance(part, str) else [part.columns.to_list(), *(_filled(part[name]) for name in part)]
        for column in columns:
            digest.update(pickle.dumps(column, protocol=5))
    return digest.hexdigest()


def _filled(column: pd.Series) -> object:
    """A column and where it is missing; what lies in the memory of a missing whole number is anything."""
    if isinstance(column.dtype, pd.Int64Dtype | pd.BooleanDtype):
        return column.isna().to_numpy(), column.to_numpy(dtype="int64", na_value=0)
    return column


def load_sweeps(view: View) -> pd.DataFrame:
    """One row per sweep in view."""
    return analyse(view, _summarise_sweeps)


def load_run_table(view: View) -> RunTable:
    """The runs in view, arranged for reading."""
    return analyse(view, _arrange_runs)


def load_curves(view: View, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
    """Logged values of some runs, decimated by the store."""
    return load_curves_of(view.snapshot, tuple(run_ids), metric)


def load_curves_of(snapshot: Snapshot, run_ids: tuple[str, ...], metric: str) -> pd.DataFrame:
    """Logged values of some runs as of a snapshot, decimated by the store."""
    return _curves(snapshot.key, run_ids, metric, snapshot)


def analyse(view: View, function: Callable[..., T], **options: Hashable) -> T:
    """What an analysis function says of the last values in view, cached.

    Args:
        view: What is looked at.
        function: A module's own function of (results, *, metric, direction, **options), results as `Snapshot.results`.
        options: Further arguments; tuples instead of lists, so that they can be part of the cache's key.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    key = (name, view.metric, view.direction, tuple(sorted(options.items())))
    digest = digest_results(view.snapshot, view.metric, view.where)
    found: T = _analysed(digest, key, view, function)
    return found.copy(deep=False) if isinstance(found, pd.DataFrame) else found


def load_lr_curves(view: View, group_by: Sequence[str] = ()) -> list[LrCurve]:
    """The U-curves of the runs in view; without `group_by` everything that varies makes a curve of its own."""
    return analyse(view, compute_lr_curves, group_by=tuple(group_by) or None)


def load_group_keys(view: View) -> list[str]:
    """What can make a curve of its own among the runs in view."""
    return _group_keys(view.snapshot.key_of("runs", "agreements", "annotations"), view.where, view.snapshot)


# Arguments that start with an underscore are no part of the cache key: its key says all about a snapshot.


@st.cache_resource(max_entries=_WHOLE_TABLES, show_spinner=False)
def _all_runs(key: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.runs()


@st.cache_data(max_size=_TABLES, show_spinner=False, hash_funcs={Condition: str})
def _runs(key: str, where: Where, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.runs(where)


@st.cache_data(max_entries=8, show_spinner=False)
def _sweep_ids(key: str, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return sweep_ids(load_runs(_snapshot))


@st.cache_data(max_entries=512, show_spinner=False)
def _suggestions(key: str, sweep: str | None, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    runs = load_runs(_snapshot)
    return suggest_conditions(runs if sweep is None else runs[runs["sweep_id"] == sweep])


@st.cache_data(max_entries=8, show_spinner=False)
def _sweep_looks(key: str, _snapshot: Snapshot) -> dict[str, SweepLook]:  # noqa: ARG001
    return look_at_sweeps(load_runs(_snapshot))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Condition: str})
def _latest(key: str, where: Where, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.latest(where)


@st.cache_data(max_entries=8, show_spinner=False)
def _metric_names(key: str, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return _snapshot.metric_names()


@st.cache_data(max_entries=512, show_spinner=False)
def _logged_metrics(key: str, run_ids: tuple[str, ...], _snapshot: Snapshot) -> frozenset[str]:  # noqa: ARG001
    return frozenset(_snapshot.metric_summaries((Condition("run_id", "=", run_ids),))["name"])


@st.cache_data(max_entries=8, show_spinner=False)
def _metric_directions(key: str, _snapshot: Snapshot) -> dict[str, Direction]:  # noqa: ARG001
    return _snapshot.metric_directions()


@st.cache_resource(max_entries=_WHOLE_TABLES, show_spinner=False)
def _results(key: str, metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.results(metric)


@st.cache_data(max_entries=4096, show_spinner=False, hash_funcs={Condition: str})
def _digest(key: str, metric: str, where: Where, _snapshot: Snapshot) -> str:  # noqa: ARG001
    return digest_tables(load_results(_snapshot, metric, where))


@st.cache_data(max_size=_ANSWERS, show_spinner=False, hash_funcs={Condition: str})
def _group_keys(key: str, where: Where, _snapshot: Snapshot) -> list[str]:  # noqa: ARG001
    return groupable_keys(load_runs(_snapshot, where))


@st.cache_data(max_size=_ANSWERS, show_spinner=False)
def _curves(key: str, run_ids: tuple[str, ...], metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.curves(run_ids, metric)


_Question = tuple[str, str, Direction, tuple[tuple[str, Hashable], ...]]


@st.cache_resource(max_entries=_MOST_ANSWERS, show_spinner=False)
def _analysed(
    digest: str,  # noqa: ARG001 - with the question the whole key
    question: _Question,
    _view: View,
    _function: Callable[..., object],
) -> Any:  # noqa: ANN401 - what the function returns
    _, metric, direction, options = question
    results = load_results(_view.snapshot, metric, _view.where)
    with TURN:
        return _function(results, metric=metric, direction=direction, **dict(options))


def _summarise_sweeps(results: pd.DataFrame, *, metric: str, direction: Direction) -> pd.DataFrame:  # noqa: ARG001
    return summarise_sweeps(results, direction=direction)


def _arrange_runs(results: pd.DataFrame, *, metric: str, direction: Direction) -> RunTable:  # noqa: ARG001
    return arrange_runs(results, metric)
