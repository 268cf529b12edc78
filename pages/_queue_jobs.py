"""Jobs that wait or have ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from pages._paths import shown_sentence
from pages._person import current_person
from pages._queue_actions import clone, move_first, refusal_for, retry, stop_job
from pages._queue_files import read_log_end
from pages._queue_running import show_log
from pages._queue_store import open_queue
from pages._tables import show_table
from pages._text import ago_text, bytes_text, count_text, duration_text, md_escape
from runner.drafts.values import readable_text
from runner.queue.job import Attempt, Job

_COLORS: Final = {"finished": "green", "failed": "red", "stopped": "violet", "queued": "gray", "running": "blue"}
_MOST_QUEUED: Final = 20


def show_queued(jobs: Sequence[Job]) -> None:
    """The line, the next one first."""
    st.subheader(f"Queued: {len(jobs)}")
    for job in jobs[:_MOST_QUEUED]:
        with st.container(border=True):
            st.markdown(
                f"**{job.position}. {md_escape(job.order.sweep_id)}**, {count_text(job.order.n_runs, 'run')}  \n"
                f":gray[{_by(job)}{_tried(job)}]"
            )
            refusal = refusal_for(job)
            with st.container(horizontal=True):
                st.button(
                    "Move up",
                    key=f"queue-first-{job.job_id}",
                    icon=":material/vertical_align_top:",
                    disabled=refusal is not None or job.position == 1,
                    on_click=move_first,
                    args=(job.job_id,),
                    help="Make it the next one.",
                )
                _stop_queued(job, refusal)
                _clone_button(job)
            if refusal is not None:
                st.caption(f":material/block: {md_escape(refusal)}")
    if len(jobs) > _MOST_QUEUED:
        st.caption(f"and {count_text(len(jobs) - _MOST_QUEUED, 'more job')}; `ucurve queue` lists all.")


def _stop_queued(job: Job, refusal: str | None) -> None:
    st.button(
        "Take out",
        key=f"queue-stop-{job.job_id}",
        icon=":material/stop_circle:",
        disabled=refusal is not None,
        on_click=stop_job,
        args=(job.job_id,),
        help="It will not be trained; it can be launched again.",
    )


def _tried(job: Job) -> str:
    if not job.attempts:
        return ""
    return f", waits for attempt {len(job.attempts) + 1}: {md_escape(shown_sentence(str(job.reason)))}"


def show_ended(jobs: Sequence[Job]) -> None:
    """What has ended as a table, and one of them in full."""
    st.subheader(f"Ended: {len(jobs)}")
    show_table(
        pd.DataFrame([_row(job) for job in jobs]),
        name="queue-ended",
        alt="One row per job that has ended, the newest first",
        columns={
            "state": st.column_config.MultiselectColumn(options=list(_COLORS), color=list(_COLORS.values())),
            "launched": st.column_config.DatetimeColumn(format="distance"),
            "ended": st.column_config.DatetimeColumn(format="distance"),
            "reason": st.column_config.TextColumn(width="large"),
        },
    )
    known = {job.job_id: job for job in jobs}
    chosen = st.selectbox("Look at one", list(known), key="queue-job", bind="query-params")
    if chosen in known:
        _show_ended_job(known[chosen])


def _row(job: Job) -> dict[str, object]:
    ended = max((attempt.ended_at for attempt in job.attempts if attempt.ended_at is not None), default=None)
    return {
        "sweep": job.order.sweep_id,
        "state": [job.state],
        "runs": job.order.n_runs,
        "by": job.person.name,
        "launched": _moment(job.submitted_at),
        "ended": None if ended is None else _moment(ended),
        "attempts": len(job.attempts),
        "reason": None if job.reason is None else shown_sentence(job.reason),
        "job": job.job_id,
    }


def _show_ended_job(job: Job) -> None:
    with st.container(border=True):
        badge = f":{_COLORS[job.state]}-badge[{job.state}]"
        st.markdown(f"#### {md_escape(job.order.sweep_id)} {badge}")
        st.caption(f"{md_escape(job.job_id)}, {_by(job)}, {count_text(job.order.n_runs, 'run')}")
        if job.reason:
            show = st.error if job.state == "failed" else st.info
            show(md_escape(shown_sentence(job.reason)), icon=":material/info:")
        _show_ended_actions(job)
        if job.attempts:
            show_table(
                pd.DataFrame([_attempt_row(attempt) for attempt in job.attempts]),
                name=f"queue-attempts-{job.job_id}",
                alt="One row per attempt",
            )
            folder = open_queue().job_folder(job.job_id, job.attempts[-1].number)
            show_log(job.job_id, read_log_end(folder))
        with st.expander("The sweep file", icon=":material/description:"):
            st.code(readable_text(job.order.spec), language="yaml")


def _show_ended_actions(job: Job) -> None:
    refusal = refusal_for(job)
    key = None if refusal is not None else open_queue().key_by_hand(job.order, current_person())
    with st.container(horizontal=True):
        st.button(
            "Retry",
            key=f"queue-retry-{job.job_id}",
            icon=":material/replay:",
            disabled=key is None,
            on_click=retry,
            args=(job.job_id, key),
            help="The same sweep once more; runs that finished are skipped.",
        )
        _clone_button(job)
        if job.state == "finished":
            st.page_link(
                "pages/learning_rate.py",
                label="See the curves",
                icon=":material/show_chart:",
                query_params={"sweep": job.order.sweep_id},
            )
    if refusal is not None:
        st.caption(f":material/block: {md_escape(refusal)}")


def _attempt_row(attempt: Attempt) -> dict[str, object]:
    took = None if attempt.ended_at is None else duration_text(attempt.ended_at - attempt.started_at)
    return {
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "took": took,
        "worker": attempt.worker_id,
        "host": attempt.process.host,
        "exit code": attempt.exit_code,
        "peak memory": bytes_text(attempt.peak_memory_bytes),
        "reason": None if attempt.reason is None else shown_sentence(attempt.reason),
    }


def _clone_button(job: Job) -> None:
    st.button(
        "Clone and edit",
        key=f"queue-clone-{job.job_id}",
        icon=":material/content_copy:",
        on_click=clone,
        args=(job.job_id,),
        help="Opens Launch with its sweep file; nothing starts.",
    )


def _by(job: Job) -> str:
    return f"launched by {md_escape(job.person.name)} {ago_text(_moment(job.submitted_at))}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
