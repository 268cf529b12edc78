"""How the verbs about the queue show jobs, attempts and workers: as tables for people, as JSON for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.wording.plain import count_text
from runner.cli.output import note, print_json, print_lines
from runner.cli.queue_options import find_job

if TYPE_CHECKING:
    from runner.queue.job import Attempt, Job, Submitted
    from runner.queue.queue import Queue, Worker


def show_submitted(queue: Queue, submitted: Submitted, store: Path, *, json_output: bool, unless: str = "") -> None:
    """Prints what came of a submission and what happens next; `unless` says how to have a second job of the same."""
    job = find_job(queue, submitted.job_id)
    n_workers = sum(worker.is_alive for worker in queue.workers())
    if json_output:
        print_json({**job_to_json(job), "is_new": submitted.is_new, "n_workers": n_workers})
    else:
        print_lines([_came_of_it(job) if submitted.is_new else f"{_name(job)} is {state_text(job)} already{unless}"])
    if not n_workers and job.state == "queued":
        note(f"No worker is running: start one with `ucurve worker --store {store}`; `ucurve app` starts one too.")


def show_state(queue: Queue, job_id: str, said: str, *, json_output: bool) -> None:
    """Prints what was done, or the job as it is now."""
    if json_output:
        print_json(job_to_json(find_job(queue, job_id)))
    else:
        print_lines([said])


def job_to_json(job: Job) -> dict[str, object]:
    """What `--json` says of every job."""
    last = job.attempts[-1] if job.attempts else None
    return {
        "job_id": job.job_id,
        "sweep_id": job.order.sweep_id,
        "n_runs": job.order.n_runs,
        "state": job.state,
        "position": job.position,
        "stopping": job.stopping,
        "reason": job.reason,
        "user_id": job.person.user_id,
        "user_name": job.person.name,
        "submitted_at": time_text(job.submitted_at),
        "started_at": time_text(last.started_at) if last else None,
        "ended_at": time_text(last.ended_at) if last else None,
        "n_attempts": len(job.attempts),
    }


def time_text(seconds: float | None) -> str | None:
    """A time as ISO text in UTC."""
    return None if seconds is None else datetime.fromtimestamp(round(seconds), UTC).isoformat()


def _came_of_it(job: Job) -> str:
    n_ahead = (job.position or 1) - 1
    waits = "the next one" if not n_ahead else f"after {n_ahead} other job{'s' if n_ahead > 1 else ''}"
    return f"{_name(job)} is queued, {waits}; `ucurve queue show {job.job_id}` says how far it is"


def _name(job: Job) -> str:
    return f"job {job.job_id} ({job.order.sweep_id}, {count_text(job.order.n_runs, 'run')})"


def state_text(job: Job) -> str:
    """The state in a word, with the place of a queued job."""
    if job.position is not None:
        return f"queued, place {job.position}"
    return "stopping" if job.stopping else job.state


def news(queue: Queue, job: Job) -> str | None:
    """How far a running job is; why another one is what it is."""
    from runner.cli.progress_view import duration
    from runner.queue.folders import read_status

    status = read_status(queue.job_folder(job.job_id, len(job.attempts))) if job.state == "running" else None
    if status is None:
        return job.reason
    share = f"{status.done_tokens / status.total_tokens:.0%}" if status.total_tokens else status.phase
    return share if status.left_s is None else f"{share}, {duration(status.left_s)} left"


def worker_to_json(worker: Worker) -> dict[str, object]:
    """What `--json` says of a worker."""
    return {
        "worker_id": worker.worker_id,
        "is_alive": worker.is_alive,
        "job_id": worker.job_id,
        "device": worker.device,
        "host": worker.process.host,
        "pid": worker.process.pid,
        "started_at": time_text(worker.started_at),
    }


def attempt_to_json(attempt: Attempt) -> dict[str, object]:
    """What `--json` says of an attempt."""
    return {
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "worker_id": attempt.worker_id,
        "host": attempt.process.host,
        "pid": attempt.process.pid,
        "started_at": time_text(attempt.started_at),
        "ended_at": time_text(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "peak_memory_bytes": attempt.peak_memory_bytes,
    }


def attempt_row(attempt: Attempt) -> tuple[object, ...]:
    """The cells of an attempt's line."""
    return (
        attempt.number,
        attempt.outcome,
        attempt.worker_id,
        attempt.process.pid,
        time_text(attempt.started_at),
        time_text(attempt.ended_at),
        attempt.exit_code,
        attempt.reason,
    )
