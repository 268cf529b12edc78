"""From the rows of the queue's file to jobs, attempts and workers."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from analysis.store.identity import ID_PATTERN
from runner.access.person import Person
from runner.queue.job import ENDED, Attempt, Job, ProcessIdentity, State, SweepOrder

Model = TypeVar("Model", bound=BaseModel)

_ALL: Final[tuple[State, ...]] = get_args(State)
_NOBODY: Final = Person(user_id="unknown", name="unknown", via="dashboard")
_NO_ORDER: Final = SweepOrder(sweep_id="unreadable", spec="", n_runs=0)


def list_jobs(db: sqlite3.Connection, states: Iterable[State] | None, limit: int) -> list[Job]:
    """Running jobs, then queued ones by their place, then ended ones; of each the newest first, unless queued."""
    wanted = set(_ALL if states is None else states)
    numbers = _numbers(db, "running", limit) if "running" in wanted else []
    if "queued" in wanted:
        line = db.execute("SELECT number FROM jobs WHERE state = 'queued' ORDER BY place, number LIMIT ?", (limit,))
        numbers += [row["number"] for row in line]
    ended = [number for state in sorted(wanted & ENDED) for number in _numbers(db, state, limit)]
    return _read(db, [*numbers, *sorted(ended, reverse=True)][:limit])


def read_job(db: sqlite3.Connection, job_id: str) -> Job | None:
    """One job, or None where there is none of that id."""
    if not re.fullmatch(ID_PATTERN, job_id):
        return None
    row = db.execute("SELECT number FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _read(db, [row["number"]])[0]


def _numbers(db: sqlite3.Connection, state: State, limit: int) -> list[int]:
    """Of the newest jobs in a state, which an index finds without looking at the others."""
    rows = db.execute("SELECT number FROM jobs WHERE state = ? ORDER BY number DESC LIMIT ?", (state, limit))
    return [row["number"] for row in rows]


def _read(db: sqlite3.Connection, numbers: Sequence[int]) -> list[Job]:
    """The jobs of these numbers, in this order."""
    rows = db.execute(
        """SELECT jobs.*, CASE state WHEN 'queued' THEN (
            SELECT count(*) FROM jobs AS q
            WHERE q.state = 'queued' AND (q.place < jobs.place OR (q.place = jobs.place AND q.number <= jobs.number))
        ) END AS position, EXISTS (
            SELECT 1 FROM requests AS r WHERE r.job_id = jobs.job_id AND kind = 'stop' AND outcome IS NULL
        ) AS stopping
        FROM json_each(?) AS asked JOIN jobs ON number = asked.value ORDER BY asked.key""",
        (json.dumps(numbers),),
    ).fetchall()
    attempts = _attempts(db, [row["job_id"] for row in rows])
    return [_job(row, tuple(attempts[row["job_id"]])) for row in rows]


def process_of(row: sqlite3.Row) -> ProcessIdentity:
    """The process that a row of attempts or workers names."""
    return ProcessIdentity(host=row["host"], boot_id=row["boot_id"], pid=row["pid"], started_ticks=row["started_ticks"])


def person_of(text: str) -> Person:
    """Who a row's text says that asked; nobody where it cannot be read, and then no signature fits it either."""
    return _model(text, Person) or _NOBODY


def _attempts(db: sqlite3.Connection, job_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    rows = db.execute(
        "SELECT * FROM attempts WHERE job_id IN (SELECT value FROM json_each(?)) ORDER BY job_id, number",
        (json.dumps(job_ids),),
    )
    for row in rows:
        found[row["job_id"]].append(
            Attempt(
                number=row["number"],
                worker_id=row["worker_id"],
                process=process_of(row),
                started_at=row["started_at"],
                ended_at=row["ended_at"],
                outcome=row["outcome"],
                reason=row["reason"],
                exit_code=row["exit_code"],
                peak_memory_bytes=row["peak_memory_bytes"],
            )
        )
    return found


def _job(row: sqlite3.Row, attempts: tuple[Attempt, ...]) -> Job:
    return Job(
        job_id=row["job_id"],
        key=row["key"],
        order=_model(row["work"], SweepOrder) or _NO_ORDER,  # a damaged row must not hide the others
        person=person_of(row["person"]),
        submitted_at=row["submitted_at"],
        state=row["state"],
        reason=row["reason"],
        position=row["position"],
        stopping=bool(row["stopping"]) and row["state"] == "running",
        attempts=attempts,
    )


def _model(text: str, kind: type[Model]) -> Model | None:
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        return None
