"""Which workers there are, which of them died, and which attempts died with them.

On one machine the kernel says whether a process lives. Of another host (a container with the folder mounted) only the
beats tell: one that stands still for as long as five take, by the monotonic clock of whoever looks, means silence.
Silence may end: a late beat takes the job back, unless another worker has it by then.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from runner.errors import ConfigError
from runner.queue.asking import checked_id
from runner.queue.audit import Hand, add_entry
from runner.queue.claiming import Ending, end_attempt
from runner.queue.identity import host, is_alive
from runner.queue.job import ProcessIdentity
from runner.queue.rows import process_of
from runner.queue.work import Recovered, Worker

BEAT_EVERY_S: Final = 5.0
"""How often a worker should beat (our choice: with the next, a silent one is found within half a minute)."""
MISSED_BEATS: Final = 5


_FORGET_SILENT: Final = """
    DELETE FROM workers WHERE is_silent AND worker_id NOT IN (
        SELECT a.worker_id FROM attempts AS a JOIN jobs USING (job_id) WHERE a.is_silent AND state = 'queued'
    )
"""
"""Workers of other hosts that fell silent, and have nothing to take back."""


@dataclass(slots=True)
class Ear:
    """Remembers when each worker's beat last changed, by this process's own clock, which no one can set."""

    heard: dict[str, tuple[float, float]] = field(default_factory=dict)

    def is_silent(self, worker_id: str, beat: float) -> bool:
        """Whether the beat has stood still for too long; never at the first look."""
        now = monotonic()
        known, since = self.heard.get(worker_id, (None, now))
        if known != beat:
            since = now
        self.heard[worker_id] = (beat, since)
        return now - since > MISSED_BEATS * BEAT_EVERY_S


def add_worker(db: sqlite3.Connection, worker_id: str, process: ProcessIdentity, device: str | None) -> None:
    """Adds a worker, or the next process of one that died, whose attempt is lost then.

    Raises:
        ConfigError: Another process of this name lives.
    """
    _give_way(db, checked_id(worker_id, "worker"), process)
    db.execute(_FORGET_SILENT)
    db.execute(
        """INSERT OR REPLACE INTO workers
        (worker_id, host, boot_id, pid, started_ticks, device, started_at, beat) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (worker_id, *_columns(process), device, time.time(), monotonic()),
    )


def beat_of(db: sqlite3.Connection, worker_id: str, known: tuple[ProcessIdentity, str | None] | None) -> str | None:
    """Notes that a worker lives, gives back what its silence cost it, and returns the job that is its own.

    Args:
        db: The transaction.
        worker_id: Who beats.
        known: Its process and device, with which it is signed on again where it was forgotten.
    """
    beat = "UPDATE workers SET beat = ?, is_silent = 0 WHERE worker_id = ?"
    if db.execute(beat, (monotonic(), worker_id)).rowcount == 0 and known is not None:
        add_worker(db, worker_id, *known)
    take_back(db, worker_id)
    row = db.execute("SELECT job_id FROM attempts WHERE worker_id = ? AND outcome = 'running'", (worker_id,)).fetchone()
    return None if row is None else str(row["job_id"])


def take_back(db: sqlite3.Connection, worker_id: str) -> None:
    """Goes on with an attempt that was given up for its worker's silence, where nobody has the job by now."""
    row = db.execute(
        """SELECT a.job_id, a.number AS attempt FROM attempts AS a JOIN jobs AS j USING (job_id)
        WHERE a.worker_id = ?1 AND a.is_silent AND j.state = 'queued'
        AND a.number = (SELECT max(number) FROM attempts AS b WHERE b.job_id = a.job_id)
        AND NOT EXISTS (SELECT 1 FROM attempts AS c WHERE c.worker_id = ?1 AND c.outcome = 'running')""",
        (worker_id,),
    ).fetchone()
    if row is None:
        return
    db.execute(
        "UPDATE attempts SET outcome = 'running', ended_at = NULL, reason = NULL, is_silent = 0 "
        "WHERE job_id = ? AND number = ?",
        (row["job_id"], row["attempt"]),
    )
    db.execute("UPDATE jobs SET state = 'running', reason = NULL WHERE job_id = ?", (row["job_id"],))
    add_entry(db, Hand(worker_id), "go on", row["job_id"], "done", "its worker was heard again")


def hear_end(db: sqlite3.Connection, job_id: str, attempt: int) -> None:
    """Goes on with a silent worker's attempt whose end is the first thing that is heard of it again."""
    row = db.execute(
        "SELECT worker_id FROM attempts WHERE job_id = ? AND number = ? AND is_silent", (job_id, attempt)
    ).fetchone()
    if row is not None:
        take_back(db, row["worker_id"])


def list_workers(db: sqlite3.Connection, ear: Ear) -> list[Worker]:
    """All workers that did not sign off, the oldest first."""
    rows = db.execute(
        """SELECT w.*, job_id FROM workers AS w LEFT JOIN attempts AS a
        ON a.worker_id = w.worker_id AND a.outcome = 'running' ORDER BY w.started_at, w.worker_id"""
    )
    return [
        Worker(
            worker_id=row["worker_id"],
            process=process_of(row),
            device=row["device"],
            started_at=row["started_at"],
            is_alive=_is_heard(row, ear),
            job_id=row["job_id"],
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Death:
    """An attempt whose worker is dead or silent, and how one knows."""

    job_id: str
    attempt: int
    worker_id: str
    beat: float | None
    is_silent: bool
    reason: str


def find_deaths(db: sqlite3.Connection, ear: Ear) -> list[Death]:
    """Running attempts whose worker is dead, or silent for too long."""
    rows = db.execute(
        """SELECT a.*, w.beat, w.pid AS now_pid, w.started_ticks AS now_ticks FROM attempts AS a
        LEFT JOIN workers AS w ON w.worker_id = a.worker_id WHERE outcome = 'running'"""
    )
    deaths = []
    for row in rows.fetchall():
        process, beat = process_of(row), row["beat"]
        alive = is_alive(process)
        if alive or (alive is None and not ear.is_silent(row["worker_id"], beat or 0.0)):
            continue
        deaths.append(Death(row["job_id"], row["number"], row["worker_id"], beat, alive is None, _reason(process)))
    return deaths


def find_dead_workers(db: sqlite3.Connection) -> list[str]:
    """Workers of this host whose process is gone."""
    rows = db.execute("SELECT * FROM workers WHERE host = ?", (host(),)).fetchall()
    return [row["worker_id"] for row in rows if is_alive(process_of(row)) is False]


def bury(db: sqlite3.Connection, death: Death) -> Recovered | None:
    """Notes a lost attempt, unless it ended or was heard of since."""
    worker = db.execute("SELECT beat FROM workers WHERE worker_id = ?", (death.worker_id,)).fetchone()
    if death.is_silent and worker is not None and worker["beat"] != death.beat:
        return None
    ending = Ending(outcome="lost", reason=death.reason, is_silent=death.is_silent)
    state = end_attempt(db, death.job_id, death.attempt, ending)
    if state is None:
        return None
    if death.is_silent:
        db.execute("UPDATE workers SET is_silent = 1 WHERE worker_id = ?", (death.worker_id,))
    return Recovered(job_id=death.job_id, attempt=death.attempt, reason=death.reason, state=state)


def forget(db: sqlite3.Connection, worker_ids: list[str]) -> None:
    """Takes dead workers off the list, unless another process has taken the name since."""
    for worker_id in worker_ids:
        row = db.execute("SELECT * FROM workers WHERE worker_id = ?", (worker_id,)).fetchone()
        if row is not None and is_alive(process_of(row)) is False:
            db.execute("DELETE FROM workers WHERE worker_id = ?", (worker_id,))


def _give_way(db: sqlite3.Connection, worker_id: str, process: ProcessIdentity) -> None:
    row = db.execute("SELECT * FROM workers WHERE worker_id = ?", (worker_id,)).fetchone()
    if row is None or process_of(row) == process:
        return
    if is_alive(process_of(row)):
        raise ConfigError(f"worker {worker_id!r} runs already, as process {row['pid']}; give this one another name")
    lost = Ending(outcome="lost", reason=_reason(process_of(row)))
    held = db.execute("SELECT job_id, number FROM attempts WHERE worker_id = ? AND outcome = 'running'", (worker_id,))
    for attempt in held.fetchall():
        end_attempt(db, attempt["job_id"], attempt["number"], lost)


def _columns(process: ProcessIdentity) -> tuple[str, str, int, int]:
    return process.host, process.boot_id, process.pid, process.started_ticks


def _is_heard(row: sqlite3.Row, ear: Ear) -> bool:
    alive = is_alive(process_of(row))
    if alive is None:
        return not row["is_silent"] and not ear.is_silent(row["worker_id"], row["beat"])
    return alive


def _reason(process: ProcessIdentity) -> str:
    if process.host != host():
        return f"its worker on {process.host!r} was not heard of for {MISSED_BEATS * BEAT_EVERY_S:g} s"
    return f"its worker (process {process.pid}) ended without a word: killed, out of memory, or the machine restarted"
