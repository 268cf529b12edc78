"""Notices: what happened since this session last looked, told once on whatever page is open, and kept in the sidebar.

A notice is a toast, a line of the list in the sidebar, and a number in the title of the browser's tab. A notification
of the browser itself would need a script of ours in the page, which the served pages forbid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from analysis.alerts.news import Alert, Kind, SweepLook, ended_sweeps, failed_job, runs_news, sweep_news
from analysis.errors import UcurveError
from analysis.wording.voices import MARKDOWN
from pages._data import load_sweep_looks
from pages._decision_line import load_evidence
from pages._live import reload_when
from pages._location import store_location
from pages._queue_store import load_jobs, open_queue
from pages._text import ago_text, count_text
from pages._view import View, view_or_none

_KEY: Final = "notices"
_MOST_KEPT: Final = 20
_MOST_TOASTS: Final = 4
"""At once; more would cover the page (our choices)."""
_ICONS: Final[Mapping[Kind, str]] = {
    "finished": ":material/check_circle:",
    "diverged": ":material/trending_up:",
    "failed": ":material/error:",
    "edge": ":material/swap_horiz:",
}


@dataclass(frozen=True, slots=True)
class _Session:
    """What this session has looked at and been told.

    Attributes:
        location: The store that was looked at.
        looks: What the last look saw of the sweeps; None before the first one.
        failed_jobs: The jobs that were known to have failed; None likewise.
        kept: What was told, the newest first, with the time.
        n_unread: How many of them came since the reader said that they were read.
    """

    location: str
    looks: Mapping[str, SweepLook] | None = None
    failed_jobs: frozenset[str] | None = None
    kept: tuple[tuple[datetime, Alert], ...] = field(default=())
    n_unread: int = 0


def show_notices(title: str) -> None:
    """Tell what is new, list what was told, and count what is unread in the title of the browser's tab.

    Args:
        title: Of the page that is open.
    """
    location, view = store_location(), view_or_none()
    session = _session(location)
    looks = session.looks or {} if view is None else load_sweep_looks(view.snapshot)
    news = [] if view is None else list(_sweeps_news(view, session.looks, looks))
    failed, news_of_jobs = _look_at_jobs(session)
    news += news_of_jobs
    for alert in news[:_MOST_TOASTS]:
        st.toast(alert.text, icon=_ICONS[alert.kind], duration="long")
    told = tuple((datetime.now(UTC), alert) for alert in news)
    st.session_state[_KEY] = session = replace(
        session,
        looks=looks,
        failed_jobs=failed,
        kept=(*told, *session.kept)[:_MOST_KEPT],
        n_unread=min(session.n_unread + len(news), _MOST_KEPT),
    )
    _show_list(session, title)


def _session(location: str) -> _Session:
    known = st.session_state.get(_KEY)
    return known if isinstance(known, _Session) and known.location == location else _Session(location)


def _sweeps_news(view: View, before: Mapping[str, SweepLook] | None, now: Mapping[str, SweepLook]) -> Iterator[Alert]:
    """What the store says; at the first look nothing is new. The decision is that of the whole sweep, unfiltered."""
    if before is None or before == now:
        return
    whole = replace(view, where=(), runs=view.all_runs)
    for sweep_id in ended_sweeps(before, now)[:_MOST_TOASTS]:
        yield from sweep_news(sweep_id, *load_evidence(whole, sweep_id), voice=MARKDOWN)
    yield from runs_news(before, now, MARKDOWN)


def _look_at_jobs(session: _Session) -> tuple[frozenset[str] | None, list[Alert]]:
    """Which jobs have failed, and those that had not at the last look; while one waits or runs the page looks again."""
    try:
        jobs = load_jobs()
        if any(job.state != "failed" for job in jobs):
            queue = open_queue()
            version = queue.version()
            reload_when(lambda: queue.version() != version)
    except UcurveError:
        return session.failed_jobs, []  # the page Queue says what is wrong with it
    failed = [job for job in jobs if job.state == "failed"]
    known = session.failed_jobs
    new = [] if known is None else [job for job in failed if job.job_id not in known]
    alerts = [failed_job(job.job_id, job.order.sweep_id, job.reason, MARKDOWN) for job in new]
    return frozenset(job.job_id for job in failed) | (known or frozenset()), alerts


def _show_list(session: _Session, title: str) -> None:
    if session.n_unread:
        st.set_page_config(page_title=f"({session.n_unread}) {title} · Ucurve")
    if not session.kept:
        return
    new = f", {session.n_unread} new" if session.n_unread else ""
    with st.sidebar, st.expander(f"{count_text(len(session.kept), 'notice')}{new}", icon=":material/notifications:"):
        for at, alert in session.kept:
            st.markdown(f"{_ICONS[alert.kind]} {alert.text}  \n:gray[{ago_text(at)}]")
        if session.n_unread:
            st.button("Mark as read", key="notices-read", on_click=_mark_read, type="tertiary")


def _mark_read() -> None:
    known = st.session_state.get(_KEY)
    if isinstance(known, _Session):
        st.session_state[_KEY] = replace(known, n_unread=0)
