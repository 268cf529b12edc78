"""The part of the page Queue that keeps itself current: who does the jobs, and how far the running ones are."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import streamlit as st

from pages._live import live
from pages._paths import shown_path
from pages._queue_running import show_running
from pages._queue_store import store_folder
from pages._text import count_text, md_escape
from runner.queue.job import Job
from runner.queue.queue import Queue
from runner.queue.work import Worker


def show_live(queue: Queue, jobs: Sequence[Job], version: int) -> None:
    """Show workers and running jobs, again every few seconds while something runs or waits.

    As soon as a job comes, begins or ends, the whole page is drawn again.

    Args:
        queue: The queue.
        jobs: Its jobs.
        version: Its version when they were read.
    """
    running = [job.job_id for job in jobs if job.state == "running"]
    n_queued = sum(job.state == "queued" for job in jobs)

    def draw() -> None:
        if queue.version() != version:
            st.rerun(scope="app")
        _show_workers(queue.workers(), n_queued=n_queued)
        for job_id in running:
            if (job := queue.job(job_id)) is not None:
                show_running(job)

    live(draw, active=bool(running or n_queued))


def _show_workers(workers: Sequence[Worker], *, n_queued: int) -> None:
    """Who does the jobs, and what to do when nobody does."""
    alive = [worker for worker in workers if worker.is_alive]
    for worker in alive:
        what = "waits" if worker.job_id is None else f"does {md_escape(worker.job_id)}"
        device = f" on {md_escape(worker.device)}" if worker.device else ""
        who = f"{md_escape(worker.worker_id)} at {md_escape(worker.process.host)}"
        st.caption(f":material/engineering: {who}{device} {what}.")
    if alive:
        return
    if n_queued:
        verb = "waits" if n_queued == 1 else "wait"
        text = f"**No worker is running**, and {count_text(n_queued, 'sweep')} {verb} for one. Where it is to train:"
        st.warning(text, icon=":material/engineering:")
    else:
        st.caption(":material/engineering: No worker is running. Where it is to train:")
    st.code(f"ucurve worker --store {shlex.quote(shown_path(str(store_folder())))}", language="bash", wrap_lines=True)
