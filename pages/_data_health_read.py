"""The data health check of what is in view, cached like everything that pages read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from analysis.health.check import HealthFrames, HealthReport, check_health, read_frames
from analysis.runs.direction import Direction
from analysis.store import Condition, Snapshot, Store
from pages._data import Where
from pages._view import View

_PRESENT: Final = timedelta(minutes=10)
"""How long the present lasts: the check looks for runs that have been silent for an hour, and need not look often."""


def load_health(view: View) -> HealthReport:
    """What the check says of the runs in view."""
    now = datetime.now(UTC)
    present = now - (now - datetime.min.replace(tzinfo=UTC)) % _PRESENT + _PRESENT
    return _health(view.snapshot.key, view.where, view.metric, view.direction, present, view.store, view.snapshot)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Condition: str})
def _health(
    key: str, where: Where, metric: str, direction: Direction, now: datetime, _store: Store, _snapshot: Snapshot
) -> HealthReport:
    frames = _frames(key, where, metric, _store, _snapshot)
    return check_health(frames, metric=metric, direction=direction, now=now)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs={Condition: str})
def _frames(key: str, where: Where, metric: str, _store: Store, _snapshot: Snapshot) -> HealthFrames:  # noqa: ARG001
    return read_frames(_store, _snapshot, metric, where)
