"""The data health check of what is in view, cached like everything that pages read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pandas as pd
import streamlit as st

from analysis.health.check import HealthFrames, HealthReport, check_health
from analysis.runs.direction import Direction
from analysis.store import Condition, Snapshot, Store, StoreProblem
from pages._data import Where, load_results
from pages._turns import TURN
from pages._view import View

_PRESENT: Final = timedelta(minutes=10)
"""How long the present lasts: the check looks for runs that have been silent for an hour, and need not look often."""


def load_health(view: View) -> HealthReport:
    """What the check says of the runs in view."""
    now = datetime.now(UTC)
    present = now - (now - datetime.min.replace(tzinfo=UTC)) % _PRESENT + _PRESENT
    return _health(view.snapshot.key, view.where, view.metric, view.direction, present, view.store, view.snapshot)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs={Condition: str})
def _health(
    key: str, where: Where, metric: str, direction: Direction, now: datetime, _store: Store, _snapshot: Snapshot
) -> HealthReport:
    frames = _frames(key, where, metric, _store, _snapshot)
    with TURN:
        return check_health(frames, metric=metric, direction=direction, now=now)


def _frames(key: str, where: Where, metric: str, store: Store, snapshot: Snapshot) -> HealthFrames:
    """As `read_frames`, but what takes long is read once for all filters: everything in it is about single runs."""
    results = load_results(snapshot, metric, where)
    ids = results["run_id"]
    summaries, paces = _summaries(key, snapshot), _paces(key, metric, snapshot)
    return HealthFrames(
        results=results,
        summaries=summaries[summaries["run_id"].isin(ids)].reset_index(drop=True),
        paces=paces[paces["run_id"].isin(ids)].reset_index(drop=True),
        problems=_problems(key, store),
        imports=snapshot.imports(),
    )


@st.cache_data(max_size="16MB", show_spinner=False)
def _summaries(key: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.metric_summaries()


@st.cache_data(max_size="16MB", show_spinner=False)
def _paces(key: str, metric: str, _snapshot: Snapshot) -> pd.DataFrame:  # noqa: ARG001
    return _snapshot.paces(metric)


@st.cache_data(max_size="4MB", show_spinner=False)
def _problems(key: str, _store: Store) -> list[StoreProblem]:  # noqa: ARG001
    return _store.check()
