"""What people ask: submit, stop, move first; each asking is signed, so that a worker can check it again."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from analysis.store.identity import ID_PATTERN
from runner.access.person import Person
from runner.errors import ConfigError
from runner.queue.audit import add_entry, kept_text
from runner.queue.job import Job, Submitted, SweepOrder
from runner.queue.rows import person_of, read_job
from runner.queue.work import RequestKind

_KEY: Final = r"[!-~]{1,200}"
_READABLE: Final = 50
"""Characters of the sweep's name that a job's id begins with."""


def checked_id(text: str, what: str) -> str:
    """The text, where it is an id.

    Raises:
        ConfigError: It is none, so it must not become part of a path.
    """
    if not re.fullmatch(ID_PATTERN, text):
        raise ConfigError(f"{text[:80]!r} is not the id of a {what}; an id matches {ID_PATTERN}")
    return text


def check_key(key: str) -> None:
    """Returns when a text can be a submission's key.

    Raises:
        ConfigError: It cannot.
    """
    if not re.fullmatch(_KEY, key):
        raise ConfigError(f"a submission's key has 1 to 200 ASCII characters and no blanks, got {key[:80]!r}")


def known_job(db: sqlite3.Connection, job_id: str) -> Job:
    """The job of this id.

    Raises:
        ConfigError: There is none.
    """
    job = read_job(db, checked_id(job_id, "job"))
    if job is None:
        raise ConfigError(f"there is no job {job_id!r} in this queue; `ucurve queue` lists the jobs there are")
    return job


def insert_job(
    db: sqlite3.Connection, order: SweepOrder, person: Person, key: str, sign: Callable[[bytes], str]
) -> Submitted:
    """Adds a job at the end of the line; the key's earlier job where there is one.

    Raises:
        ConfigError: The key made another job, or somebody else's.
    """
    work, who, now = order.model_dump_json(), person.model_dump_json(), time.time()
    row = db.execute("SELECT job_id, work, person FROM jobs WHERE key = ?", (key,)).fetchone()
    if row is not None:
        if row["work"] != work or person_of(row["person"]).user_id != person.user_id:
            raise ConfigError(f"what was asked is job {row['job_id']!r} already, with other settings; ask anew")
        return Submitted(job_id=row["job_id"], is_new=False)
    job_id = f"{order.sweep_id[:_READABLE]}-{secrets.token_hex(4)}"
    signature = sign(job_payload(job_id, key, work, who, now))
    db.execute(
        """INSERT INTO jobs (job_id, key, work, person, submitted_at, signature, state, place)
        VALUES (?, ?, ?, ?, ?, ?, 'queued', (SELECT coalesce(max(number), 0) + 1 FROM jobs))""",
        (job_id, key, work, who, now, signature),
    )
    add_entry(db, person, "submit", job_id, "done", f"{order.sweep_id}, {order.n_runs} runs")
    return Submitted(job_id=job_id, is_new=True)


def key_by_hand(db: sqlite3.Connection, digest: str, order: SweepOrder, person: Person) -> str:
    """The key of the person's same order that has not ended, or else one that follows from how many have ended.

    So two that ask at once, both after the last one ended, get one job.
    """
    rows = db.execute(
        "SELECT key, person, state IN ('queued', 'running') AS is_open FROM jobs WHERE work = ? ORDER BY number",
        (order.model_dump_json(),),
    )
    own = [row for row in rows if person_of(row["person"]).user_id == person.user_id]
    still_open = [row["key"] for row in own if row["is_open"]]
    return still_open[-1] if still_open else f"hand-{digest}-{len(own)}"


def stop_job(db: sqlite3.Connection, job_id: str, person: Person, sign: Callable[[bytes], str]) -> None:
    """Ends a queued job; asks the worker of a running one, once; leaves an ended one alone."""
    job = known_job(db, job_id)
    if job.state == "queued":
        reason = kept_text(
            f"stopped by {person.name} before it began" if not job.attempts else f"stopped by {person.name}"
        )
        db.execute("UPDATE jobs SET state = 'stopped', reason = ? WHERE job_id = ?", (reason, job_id))
        add_entry(db, person, "stop", job_id, "done")
    elif job.state == "running":
        insert_request(db, job_id, "stop", None, person, sign)


def stop_run(db: sqlite3.Connection, job_id: str, run_id: str, person: Person, sign: Callable[[bytes], str]) -> None:
    """Asks for one run of a running job to leave it.

    Raises:
        ConfigError: It is not running.
    """
    job = known_job(db, job_id)
    if job.state != "running":
        raise ConfigError(f"job {job_id!r} is {job.state}, and only runs of a running job can be stopped")
    insert_request(db, job_id, "stop_run", run_id, person, sign)


def insert_request(
    db: sqlite3.Connection,
    job_id: str,
    kind: RequestKind,
    run_id: str | None,
    person: Person,
    sign: Callable[[bytes], str],
) -> None:
    """Asks the worker of a running job, unless the same was asked and is not done yet."""
    is_open = "SELECT 1 FROM requests WHERE job_id = ? AND kind = ? AND run_id IS ? AND outcome IS NULL"
    if db.execute(is_open, (job_id, kind, run_id)).fetchone():
        return
    who, now = person.model_dump_json(), time.time()
    signature = sign(request_payload(job_id, kind, run_id, who, now))
    db.execute(
        "INSERT INTO requests (job_id, kind, run_id, person, asked_at, signature) VALUES (?, ?, ?, ?, ?, ?)",
        (job_id, kind, run_id, who, now, signature),
    )
    add_entry(db, person, kind.replace("_", " "), job_id, "asked", run_id)


def move_to_front(db: sqlite3.Connection, job_id: str, person: Person) -> None:
    """Makes a queued job the next.

    Raises:
        ConfigError: It is not queued.
    """
    job = known_job(db, job_id)
    if job.state != "queued":
        raise ConfigError(f"job {job_id!r} is {job.state}, and only queued jobs have a place that can change")
    if job.position != 1:
        first = "(SELECT min(place) - 1 FROM jobs WHERE state = 'queued')"
        db.execute(f"UPDATE jobs SET place = {first} WHERE job_id = ?", (job_id,))  # noqa: S608 - a constant
        add_entry(db, person, "move first", job_id, "done")


def job_payload(job_id: str, key: str, work: str, person: str, submitted_at: float) -> bytes:
    """What is signed of a job: the very texts that the file holds."""
    return json.dumps(["job", job_id, key, work, person, submitted_at]).encode()


def request_payload(job_id: str, kind: str, run_id: str | None, person: str, asked_at: float) -> bytes:
    """What is signed of a request."""
    return json.dumps(["request", job_id, kind, run_id, person, asked_at]).encode()
