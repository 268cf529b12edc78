"""What goes between the queue and its workers, and what the audit log holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.access.person import Person
from runner.queue.job import Job, ProcessIdentity, State

RequestKind = Literal["stop", "stop_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Somebody who does jobs.

    Attributes:
        worker_id: Its name.
        process: The process that it is.
        device: What it computes on, in words; None where nobody said.
        started_at: Seconds since 1970.
        is_alive: Whether it lives; of another host: whether it was heard of lately.
        job_id: What it does; None when it waits.
    """

    worker_id: str
    process: ProcessIdentity
    device: str | None
    started_at: float
    is_alive: bool
    job_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is this worker's now.

    Attributes:
        job: The job, this attempt the last of its attempts.
        attempt: Number of the attempt, 1 for the first.
    """

    job: Job
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody who may asks of a running job.

    Attributes:
        request_id: Its number.
        job_id: The job.
        kind: `stop` the job, or `stop_run`: take one run out of it.
        run_id: That run; None to stop the job.
        person: Who asks.
        asked_at: Seconds since 1970.
    """

    request_id: int
    job_id: str
    kind: RequestKind
    run_id: str | None
    person: Person
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """An attempt that was found dead.

    Attributes:
        job_id: The job.
        attempt: Number of the attempt.
        reason: How it was lost, in one sentence.
        state: What the job is now: queued for another try, failed after too many, stopped when it was to stop anyway.
    """

    job_id: str
    attempt: int
    reason: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        entry_id: Its number; later entries have higher ones.
        at: Seconds since 1970, by the clock of whoever wrote it.
        user_id: Who did it; of a worker, its id.
        name: What people call them; text from outside.
        via: `command line`, `dashboard` or `worker`.
        action: What was done or tried: `submit`, `stop`, `sign-in`.
        subject: What it was done to: mostly a job's id.
        outcome: What came of it: `done`, `refused`.
        detail: More, where there is more to say.
    """

    entry_id: int
    at: float
    user_id: str
    name: str
    via: str
    action: str
    subject: str
    outcome: str
    detail: str | None
