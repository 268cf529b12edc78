"""What workers do with jobs: claim one, hear what is asked of it, and say how it ended."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Final

from runner.access.person import Role
from runner.errors import ConfigError
from runner.queue.asking import job_payload, known_job
from runner.queue.audit import Hand, add_entry, kept_text
from runner.queue.checking import Checker
from runner.queue.job import Outcome, State
from runner.queue.rows import person_of, process_of
from runner.queue.work import Claim

MOST_LOST: Final = 2
"""A job that is lost more often fails: it takes its worker down with it, or the machine cannot hold it."""
_WHY_WAITING: Final = (
    "coalesce(?1, (SELECT a.reason FROM attempts AS a WHERE a.job_id = jobs.job_id ORDER BY a.number DESC LIMIT 1))"
)
_WAITS_OTHERWISE: Final = f"state = 'queued' AND reason IS NOT {_WHY_WAITING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended; see `Attempt`. What is put back is queued again, and no loss."""

    outcome: Outcome
    reason: str | None = None
    exit_code: int | None = None
    peak_memory_bytes: int | None = None
    is_silent: bool = False
    is_put_back: bool = False


def is_any_queued(db: sqlite3.Connection) -> bool:
    """Whether a job waits."""
    return db.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is not None


def claim_next(
    db: sqlite3.Connection, worker_id: str, checker: Checker, refused: list[tuple[str, str]]
) -> Claim | None:
    """Makes the next job that may be done this worker's; those before it that may not fail, with the reason.

    Args:
        db: The queue, being changed.
        worker_id: Who asks.
        checker: Says whether a job may be done.
        refused: Gets (job's id, reason) of each that may not.

    Raises:
        ConfigError: The worker is not registered, or has a job; or the site file is wrong.
    """
    checker.check_ready()
    worker = db.execute("SELECT * FROM workers WHERE worker_id = ?", (worker_id,)).fetchone()
    if worker is None:
        raise ConfigError(f"worker {worker_id!r} is not registered with this queue; start it again")
    if db.execute("SELECT 1 FROM attempts WHERE worker_id = ? AND outcome = 'running'", (worker_id,)).fetchone():
        raise ConfigError(f"worker {worker_id!r} has a job already; it must end that first")
    while (row := _first_in_line(db)) is not None:
        problem = _problem(row, checker)
        if problem is None:
            return _begin(db, row["job_id"], worker)
        _set_state(db, row["job_id"], "failed", problem)
        add_entry(db, Hand(worker_id), "start", row["job_id"], "refused", problem)
        refused.append((row["job_id"], problem))
    return None


def end_attempt(db: sqlite3.Connection, job_id: str, attempt: int, ending: Ending) -> State | None:
    """Notes the end of a running attempt; returns what the job is now, None where the attempt has ended before."""
    if ending.outcome == "running":
        raise ConfigError(
            f"an attempt at job {job_id!r} cannot end as running; it ends finished, failed, stopped or lost"
        )
    row = db.execute(
        "SELECT worker_id FROM attempts WHERE job_id = ? AND number = ? AND outcome = 'running'", (job_id, attempt)
    ).fetchone()
    if row is None:
        return None
    reason = None if ending.reason is None else kept_text(ending.reason)
    db.execute(
        """UPDATE attempts SET outcome = ?, ended_at = ?, reason = ?, exit_code = ?, peak_memory_bytes = ?,
        is_silent = ? WHERE job_id = ? AND number = ?""",
        (
            ending.outcome,
            time.time(),
            reason,
            ending.exit_code,
            ending.peak_memory_bytes,
            ending.is_silent,
            job_id,
            attempt,
        ),
    )
    state, why = _state_after(db, job_id, ending, reason)
    _set_state(db, job_id, state, why)
    db.execute("UPDATE requests SET outcome = 'the job ended' WHERE job_id = ? AND outcome IS NULL", (job_id,))
    add_entry(db, Hand(row["worker_id"]), "put back" if ending.is_put_back else "end", job_id, ending.outcome, reason)
    return state


def is_known_wait(db: sqlite3.Connection, reason: str | None) -> bool:
    """Whether all queued jobs say this reason; None: what their last attempts said."""
    return db.execute(f"SELECT 1 FROM jobs WHERE {_WAITS_OTHERWISE}", (reason,)).fetchone() is None  # noqa: S608


def explain_wait(db: sqlite3.Connection, reason: str | None) -> None:
    """Makes all queued jobs say this reason."""
    db.execute(f"UPDATE jobs SET reason = {_WHY_WAITING} WHERE {_WAITS_OTHERWISE}", (reason,))  # noqa: S608


def _first_in_line(db: sqlite3.Connection) -> sqlite3.Row | None:
    row = db.execute("SELECT * FROM jobs WHERE state = 'queued' ORDER BY place, number LIMIT 1").fetchone()
    return row if isinstance(row, sqlite3.Row) else None


def _problem(row: sqlite3.Row, checker: Checker) -> str | None:
    payload = job_payload(row["job_id"], row["key"], row["work"], row["person"], row["submitted_at"])
    # A sign-in that was fresh when the job was submitted is not held against it when its turn comes days later.
    return checker.problem(payload, row["signature"], person_of(row["person"]), Role.LAUNCHER, row["submitted_at"])


def _begin(db: sqlite3.Connection, job_id: str, worker: sqlite3.Row) -> Claim:
    attempt = int(db.execute("SELECT count(*) FROM attempts WHERE job_id = ?", (job_id,)).fetchone()[0]) + 1
    process = process_of(worker)
    db.execute(
        """INSERT INTO attempts
        (job_id, number, worker_id, host, boot_id, pid, started_ticks, started_at, outcome)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running')""",
        (
            job_id,
            attempt,
            worker["worker_id"],
            process.host,
            process.boot_id,
            process.pid,
            process.started_ticks,
            time.time(),
        ),
    )
    _set_state(db, job_id, "running", None)
    add_entry(db, Hand(worker["worker_id"]), "start", job_id, "done", f"attempt {attempt}")
    return Claim(job=known_job(db, job_id), attempt=attempt)


def _state_after(db: sqlite3.Connection, job_id: str, ending: Ending, reason: str | None) -> tuple[State, str | None]:
    """What a job is after an attempt, and why."""
    outcome = ending.outcome
    if outcome == "lost":
        return _state_after_loss(db, job_id, reason)
    if ending.is_put_back:
        return ("stopped", None) if known_job(db, job_id).stopping else ("queued", reason)
    return outcome, reason


def _state_after_loss(db: sqlite3.Connection, job_id: str, reason: str | None) -> tuple[State, str | None]:
    if known_job(db, job_id).stopping:
        return "stopped", "it was to be stopped when it was lost"
    n_lost = int(
        db.execute("SELECT count(*) FROM attempts WHERE job_id = ? AND outcome = 'lost'", (job_id,)).fetchone()[0]
    )
    why = reason or "its worker ended without a word"
    return ("queued", why) if n_lost <= MOST_LOST else ("failed", f"lost {n_lost} times, the last time: {why}")


def _set_state(db: sqlite3.Connection, job_id: str, state: State, reason: str | None) -> None:
    db.execute("UPDATE jobs SET state = ?, reason = ? WHERE job_id = ?", (state, reason, job_id))
