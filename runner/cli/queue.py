"""`ucurve queue`: what is queued, running and done, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.output import note, print_json, print_lines, print_table
from runner.cli.queue_options import JobArgument, QueueOption, find_job, open_queue
from runner.cli.queue_view import (
    attempt_row,
    attempt_to_json,
    job_to_json,
    news,
    show_state,
    show_submitted,
    state_text,
    time_text,
    worker_to_json,
)

if TYPE_CHECKING:
    from runner.queue.job import State

queue_app = typer.Typer(help="Show the queue of sweeps, and arrange it.")
_SHOWN = 30
_LOG_LINES = 20
_MOST_SHOWN = 1_000_000


@queue_app.callback(invoke_without_command=True)
def list_queue(
    context: typer.Context,
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="queued, running, finished, failed or stopped; repeatable."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=_MOST_SHOWN, metavar="N", help="Most jobs that are shown.")
    ] = _SHOWN,
    json_output: JsonOption = False,
) -> None:
    """Show the jobs: running ones, then queued ones in their order, then ended ones, the newest first."""
    if context.invoked_subcommand is not None:
        return
    opened = open_queue(store, queue)
    jobs, workers = opened.jobs(_states(state), limit), opened.workers()
    if json_output:
        print_json({"jobs": [job_to_json(job) for job in jobs], "workers": [worker_to_json(each) for each in workers]})
        return
    rows = [
        (
            job.job_id,
            state_text(job),
            job.order.n_runs,
            job.person.name,
            time_text(job.submitted_at),
            news(opened, job),
        )
        for job in jobs
    ]
    print_table(("job", "state", "!runs", "by", "submitted (UTC)", ""), rows)
    if not jobs:
        note(f"No {'such ' if state else ''}job is in the queue {str(opened.folder)!r}; `ucurve submit` adds one.")
    alive = [worker for worker in workers if worker.is_alive]
    if not alive and any(job.state == "queued" for job in jobs):
        note(f"No worker is running: start one with `ucurve worker --store {store}`.")


@queue_app.command("show")
def show_job(
    job_id: JobArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    lines: Annotated[
        int, typer.Option("--lines", min=0, metavar="N", help="Lines from the end of its log.")
    ] = _LOG_LINES,
    json_output: JsonOption = False,
) -> None:
    """Show one job: every attempt at it, how far it is, and the end of its log."""
    from runner.queue.folders import log_tail, read_status

    opened = open_queue(store, queue)
    job = find_job(opened, job_id)
    folder = opened.job_folder(job_id, len(job.attempts)) if job.attempts else None
    log = log_tail(folder, lines) if folder and lines else []
    if json_output:
        status = read_status(folder) if folder else None
        print_json(
            {
                **job_to_json(job),
                "attempts": [attempt_to_json(attempt) for attempt in job.attempts],
                "spec": job.order.spec,
                "folder": None if folder is None else str(folder),
                "status": None if status is None else status.model_dump(mode="json"),
                "log": log,
            }
        )
        return
    told = f". {why}" if (why := news(opened, job)) else ""
    print_lines([f"{job.job_id}: {state_text(job)}, submitted by {job.person.name}{told}"])
    if folder is not None:
        print_table(
            ("!attempt", "outcome", "worker", "!process", "started (UTC)", "ended (UTC)", "!exit code", "reason"),
            [attempt_row(attempt) for attempt in job.attempts],
        )
        print_lines([f"Files: {folder}", "", *log])


@queue_app.command("move-first")
def move_first(
    job_id: JobArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a queued job the next one."""
    from runner.access.local import command_line_person

    opened = open_queue(store, queue)
    opened.move_first(job_id, command_line_person())
    show_state(opened, job_id, f"job {job_id} is the next one", json_output=json_output)


@queue_app.command("retry")
def retry_job(
    job_id: JobArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put what an ended job was asked into the queue once more, as a new job; runs that finished are skipped."""
    from runner.access.local import command_line_person

    opened, person = open_queue(store, queue), command_line_person()
    key = opened.key_by_hand(find_job(opened, job_id).order, person)
    show_submitted(opened, opened.retry(job_id, person, key=key), store, json_output=json_output)


def _states(asked: list[str] | None) -> list[State] | None:
    from typing import get_args

    from runner.errors import ConfigError
    from runner.queue.job import State

    known: tuple[State, ...] = get_args(State)
    for name in asked or ():
        if name not in known:
            raise ConfigError(f"--state is one of {', '.join(known)}, got {name!r}")
    return [each for each in known if each in asked] if asked else None
