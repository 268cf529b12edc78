"""From the rows of the queue's file to jobs, attempts and workers."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from analysis.store.identity import ID_PATTERN
from runner.access.person import Person
from runner.queue.job import Attempt, Job, ProcessIdentity, State, SweepOrder

Model = TypeVar("Model", bound=BaseModel)

_LINE: Final = """
    WITH line AS (SELECT number, row_number() OVER (ORDER BY place, number) AS position
                  FROM jobs WHERE state = 'queued')
"""
_NOBODY: Final = Person(user_id="unknown", name="unknown", via="dashboard")
_NO_ORDER: Final = SweepOrder(sweep_id="unreadable", spec="", n_runs=0)


def list_jobs(db: sqlite3.Connection, states: Iterable[State] | None, limit: int) -> list[Job]:
    """Running jobs, then queued ones by their place, then ended ones; of each the newest first, unless queued."""
    wanted = None if states is None else json.dumps(sorted(states))
    rows = db.execute(
        f"""{_LINE}
        SELECT job_id FROM jobs LEFT JOIN line USING (number)
        WHERE ?1 IS NULL OR state IN (SELECT value FROM json_each(?1))
        ORDER BY CASE state WHEN 'running' THEN 0 WHEN 'queued' THEN 1 ELSE 2 END, position, number DESC
        LIMIT ?2""",  # noqa: S608 - a constant
        (wanted, limit),
    )
    return read_jobs(db, [row["job_id"] for row in rows])


def read_job(db: sqlite3.Connection, job_id: str) -> Job | None:
    """One job, or None where there is none of that id."""
    found = read_jobs(db, [job_id]) if re.fullmatch(ID_PATTERN, job_id) else []
    return found[0] if found else None


def read_jobs(db: sqlite3.Connection, job_ids: Sequence[str]) -> list[Job]:
    """The jobs of these ids that there are, in this order."""
    rows = db.execute(
        f"""{_LINE}
        SELECT jobs.*, position, EXISTS (
            SELECT 1 FROM requests AS r WHERE r.job_id = jobs.job_id AND kind = 'stop' AND outcome IS NULL
        ) AS stopping
        FROM json_each(?) AS asked JOIN jobs ON job_id = asked.value LEFT JOIN line USING (number)
        ORDER BY asked.key""",  # noqa: S608 - a constant
        (json.dumps(job_ids),),
    ).fetchall()
    attempts = _attempts(db, job_ids)
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
