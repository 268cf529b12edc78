"""What a job is: what was asked, by whom, how far it is, and every attempt at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from runner.access.person import Person

State = Literal["queued", "running", "finished", "failed", "stopped"]
Outcome = Literal["running", "finished", "failed", "stopped", "lost"]

ENDED: Final[frozenset[State]] = frozenset({"finished", "failed", "stopped"})


class SweepOrder(BaseModel):
    """A sweep to be trained.

    Attributes:
        sweep_id: The sweep's name, as in the specification.
        spec: The sweep file as text, checked before it came here; paths in it are absolute.
        n_runs: Runs that it has, for lists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sweep"] = "sweep"
    sweep_id: str
    spec: Annotated[str, Field(max_length=256 * 1024)]
    n_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process, for ever: its number alone may pass to another process.

    Attributes:
        host: Name of the machine.
        boot_id: Which start of that machine's kernel.
        pid: Number of the process.
        started_ticks: When the kernel started it, in clock ticks since boot.
    """

    host: str
    boot_id: str
    pid: int
    started_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job.

    Attributes:
        number: 1 for the first.
        worker_id: Who tries.
        process: The worker's process.
        started_at: Seconds since 1970.
        ended_at: Seconds since 1970; None while it runs.
        outcome: How it ended; `lost` when its worker or its process died without a word.
        reason: In one sentence, where there is something to say.
        exit_code: Of the process; negative for a signal.
        peak_memory_bytes: Most resident memory of the job's processes together, as sampled.
    """

    number: int
    worker_id: str
    process: ProcessIdentity
    started_at: float
    ended_at: float | None
    outcome: Outcome
    reason: str | None
    exit_code: int | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands now.

    Attributes:
        job_id: Its name, made when it was submitted; fits `ID_PATTERN`.
        key: The idempotency key of the submission: a second one with the same key is the same job.
        order: What was asked.
        person: Who asked.
        submitted_at: Seconds since 1970.
        state: Where it stands.
        reason: Why it is so, in one sentence, where there is something to say.
        position: Its place among the queued jobs, 1 for the next; None when it is not queued.
        stopping: Whether somebody asked a running job to stop.
        attempts: Every try, the first first.
    """

    job_id: str
    key: str
    order: SweepOrder
    person: Person
    submitted_at: float
    state: State
    reason: str | None
    position: int | None
    stopping: bool
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What came of a submission: the job, and whether it is a new one or the one this key made before."""

    job_id: str
    is_new: bool
