"""The last look before a sweep is launched, and the launch: one intent is one job, however often it is pressed."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import Final

import streamlit as st

from analysis.errors import UcurveError
from pages._launch_cost import Cost, cost_facts
from pages._paths import shown_problem
from pages._person import current_authority, current_person, current_site, require
from pages._queue_store import open_queue, store_folder, tell
from pages._text import count_text, md_escape
from runner.access.person import Person, Role
from runner.drafts.allowed import check_allowed
from runner.drafts.values import readable_text
from runner.queue.job import Job, SweepOrder
from runner.queue.order import checked_order
from runner.spec.schema import SweepSpec
from runner.worker.command import sweep_command

_REVIEW: Final = "launch-review"
"""Session key of the launch that is being looked at: the order, its key, and a key for doing it a second time."""
LAUNCHED: Final = "launched-job"
"""Session key of the job that came of it, until the page Queue has shown it."""
SECOND: Final = "launch-second"


def open_review(order: SweepOrder) -> None:
    """Begin the last look. Its idempotency key follows from the person, the order and the jobs of the queue.

    So a second press, another tab, going back and a reload come to the same key, until that job has ended.
    """
    try:
        key = open_queue().key_by_hand(order, require(Role.LAUNCHER, "submit", order.sweep_id))
    except UcurveError as problem:
        tell("error", md_escape(shown_problem(problem)))
        return
    st.session_state[SECOND] = False
    st.session_state[_REVIEW] = {"order": order.model_dump_json(), "key": key, "second_key": secrets.token_hex(16)}


def close_review() -> None:
    """End the last look; nothing was launched."""
    st.session_state.pop(_REVIEW, None)


def show_review(order: SweepOrder, spec: SweepSpec, cost: Cost | None) -> None:
    """The last look, where it was begun for this very order."""
    review = st.session_state.get(_REVIEW)
    if review is None:
        return
    if review["order"] != order.model_dump_json():
        close_review()  # the file has changed since
        return
    _dialog(order, spec, cost)


@st.dialog("Launch this sweep?", width="large", icon=":material/rocket_launch:", on_dismiss=close_review)
def _dialog(order: SweepOrder, spec: SweepSpec, cost: Cost | None) -> None:
    review = st.session_state.get(_REVIEW)
    if review is None:
        st.rerun()
    person = current_person()
    _show_facts(order, spec, cost, person)
    if cost is None:
        st.warning("There is no estimate of what it takes.", icon=":material/help:")
    elif cost.problem:
        st.warning(md_escape(cost.problem), icon=":material/memory:")
    twin = open_twin(order)
    if twin is not None:
        _show_twin(twin)
    key = review["second_key"] if twin is not None and st.session_state.get(SECOND) else review["key"]
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", key="launch-cancel", on_click=close_review)
        st.button(
            "Launch",
            type="primary",
            key="launch-now",
            icon=":material/rocket_launch:",
            on_click=launch,
            args=(review["order"], key),
        )


def _show_facts(order: SweepOrder, spec: SweepSpec, cost: Cost | None, person: Person) -> None:
    role = current_authority().role_of(person).label
    folder = store_folder()
    facts = {
        "Sweep": f"{order.sweep_id}, {count_text(order.n_runs, 'run')}",
        **(cost_facts(cost) if cost is not None else {}),
        "Model": spec.model.id,
        "Data": str(spec.dataset.path or spec.dataset.name),
        "Store": str(folder),
        "Trained by": _workers_text(),
        "On": (cost.device if cost is not None else None) or "what the worker finds",
        "As": f"{person.name} ({role})",
    }
    st.markdown("\n".join(f"- {name}: **{md_escape(value)}**" for name, value in facts.items()))
    with st.expander("What the worker will run"):
        st.caption("JOB is the job's own folder, and spec.yaml in it this sweep file, word for word:")
        st.code(shlex.join(sweep_command(folder, Path("JOB"))), language="bash", wrap_lines=True)
        st.code(readable_text(_order_text()), language="yaml")


def _order_text() -> str:
    return SweepOrder.model_validate_json(st.session_state[_REVIEW]["order"]).spec


def _workers_text() -> str:
    alive = [worker for worker in open_queue().workers() if worker.is_alive]
    if not alive:
        return "no worker yet: it waits until one is started"
    return ", ".join(f"{worker.worker_id} on {worker.process.host}" for worker in alive)


def open_twin(order: SweepOrder) -> Job | None:
    """The job that waits or runs already and asks for the same."""
    return next((job for job in open_queue().jobs(["running", "queued"]) if job.order == order), None)


def _show_twin(twin: Job) -> None:
    st.info(
        f"The same sweep is **{twin.state}** already, launched by {md_escape(twin.person.name)}. "
        "Launching it gives that job and starts no second one.",
        icon=":material/content_copy:",
    )
    st.checkbox("Queue it a second time anyway; runs that have finished by then are skipped", key=SECOND)


def launch(order_json: str, key: str) -> None:
    """Submit one order once: a callback, so that nothing on the page can cut it in half."""
    try:
        order = SweepOrder.model_validate_json(order_json)
        person = require(Role.LAUNCHER, "submit", order.sweep_id)
        check_allowed(checked_order(order), current_site())
        submitted = open_queue().submit(order, person, key=key)
    except UcurveError as problem:
        tell("error", f"Not launched: {md_escape(shown_problem(problem))}")
        close_review()
        return
    if submitted.is_new:
        tell("success", f"**{md_escape(order.sweep_id)}** is in the queue as {md_escape(submitted.job_id)}.")
    elif st.session_state.get(LAUNCHED) != submitted.job_id:
        tell("info", f"**{md_escape(order.sweep_id)}** was launched already, as {md_escape(submitted.job_id)}.")
    st.session_state[LAUNCHED] = submitted.job_id
    close_review()
