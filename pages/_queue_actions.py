"""What the buttons of the page Queue do. Each asks anew who presses it; the queue and the worker ask again."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from analysis.errors import UcurveError
from pages._launch_draft import open_launch, start_from
from pages._paths import shown_problem
from pages._person import current_authority, current_person, require
from pages._queue_store import open_queue, tell
from pages._text import md_escape
from runner.access.person import Person, Role
from runner.drafts.values import readable_text
from runner.queue.job import Job


def refusal_for(job: Job | None = None) -> str | None:
    """Why this person may not act on a job (or launch one, for None), in a sentence; None where they may."""
    try:
        person = current_person()
        current_authority().check(person, needed_role(job, person))
    except UcurveError as problem:
        return shown_problem(problem)
    return None


def needed_role(job: Job | None, person: Person) -> Role:
    """Launchers act on what they launched themselves, admins on everything."""
    return Role.LAUNCHER if job is None or job.person.user_id == person.user_id else Role.ADMIN


def stop_job(job_id: str) -> None:
    """End a queued job, or ask the worker of a running one to end it."""
    _act(lambda person: open_queue().ask_stop(job_id, person), "It was asked to stop.")


def stop_run(job_id: str, key: str) -> None:
    """Ask for one run to leave its sweep; which one stands in the session under a key."""
    run_id = str(st.session_state.get(key) or "")
    _act(lambda person: open_queue().ask_stop_run(job_id, run_id, person), "The trial was asked to stop.")


def move_first(job_id: str) -> None:
    """Make a queued job the next."""
    _act(lambda person: open_queue().move_first(job_id, person), "It is the next one now.")


def retry(job_id: str, key: str) -> None:
    """Queue an ended job once more; the key makes a second press the same job."""
    _act(
        lambda person: open_queue().retry(job_id, person, key=key),
        "It is queued once more; runs that finished are skipped.",
    )


def clone(job_id: str) -> None:
    """Put what a job trains into the page Launch, to be changed there."""
    try:
        require(Role.VIEWER)
        job = open_queue().job(job_id)
        if job is not None:
            start_from(readable_text(job.order.spec))
            open_launch()
    except UcurveError as problem:
        tell("error", md_escape(shown_problem(problem)))


def _act(action: Callable[[Person], object], done: str) -> None:
    try:
        action(current_person())  # the queue asks for the right and notes a refusal
    except UcurveError as problem:
        tell("error", md_escape(shown_problem(problem)))
        return
    tell("success", done)
