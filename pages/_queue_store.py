"""The queue beside the store, as the pages use it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import streamlit as st

from analysis.errors import UcurveError
from pages._location import store_location
from pages._person import current_authority
from pages._text import count_text
from runner.access.authority import Authority
from runner.queue.job import Job
from runner.queue.queue import Queue

_NOTICE: Final = "queue-notice"
"""Session key of what the last action came to: kind, sentence, and when."""
_LOOK_EVERY_S: Final = 2.0
"""So soon a job is said to have lost its worker, which changes no file (our choice)."""
_NOTICE_S: Final = 12.0
"""Our choice: a page that keeps itself current must not take the answer away before it was read."""


def store_folder() -> Path:
    """The folder of the dashboard's store, which need not be there."""
    return Path(store_location()).expanduser().absolute()


def open_queue() -> Queue:
    """The queue of the dashboard's store, shared by all sessions; one that nobody has used yet holds no jobs."""
    return _queue(str(store_folder()), current_authority())


def load_jobs() -> list[Job]:
    """Running jobs, queued ones by their place, then the newest that failed: read once for all who look.

    Not for those who act on them: a job that has lost its worker may be told a moment late.

    Raises:
        StoreError: the queue cannot be read.
    """
    queue = open_queue()
    return _jobs(str(queue.folder), queue.stamp(), queue)


@st.cache_data(ttl=_LOOK_EVERY_S, max_entries=32, show_spinner=False)
def _jobs(folder: str, stamp: tuple[int, int], _queue: Queue) -> list[Job]:  # noqa: ARG001 - the cache's key
    return _queue.jobs(["running", "queued", "failed"])


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Authority: repr})
def _queue(store: str, authority: Authority) -> Queue:
    return Queue.open(Path(store), authority=authority)


def tell(kind: str, sentence: str) -> None:
    """Keep what an action came to until a page shows it.

    Args:
        kind: `success`, `info` or `error`.
        sentence: Markdown.
    """
    st.session_state[_NOTICE] = [kind, sentence, time.monotonic()]


def show_notice() -> None:
    """Show what the last action came to: once, and again where the page draws itself anew right after."""
    kind, sentence, since = st.session_state.get(_NOTICE, ("info", "", 0.0))
    if not sentence or time.monotonic() - since > _NOTICE_S:
        st.session_state.pop(_NOTICE, None)
        return
    icon = {"success": ":material/check_circle:", "info": ":material/info:", "error": ":material/block:"}[kind]
    {"success": st.success, "info": st.info, "error": st.error}[kind](sentence, icon=icon)


def show_queue_line() -> None:
    """In the sidebar: what is being trained and what waits, with a way there; nothing while there is nothing."""
    try:
        jobs = [job for job in load_jobs() if job.state in ("running", "queued")]
    except UcurveError:
        return  # the page Queue says what is wrong with it
    if line := queue_line(jobs):
        st.page_link("pages/queue.py", label=line, icon=":material/pending_actions:")


def queue_line(jobs: list[Job]) -> str:
    """How many sweeps run and wait; empty for none."""
    n_running = sum(job.state == "running" for job in jobs)
    n_queued = len(jobs) - n_running
    running = f"{count_text(n_running, 'sweep')} {'is' if n_running == 1 else 'are'} running" if n_running else ""
    queued = f"{n_queued:,} queued" if running else f"{count_text(n_queued, 'sweep')} queued"
    return ", ".join(filter(None, (running, queued if n_queued else "")))
