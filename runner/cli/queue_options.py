"""Options that the verbs about the queue share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runner.queue.job import Job
    from runner.queue.queue import Queue

QueueOption = Annotated[
    Path | None,
    typer.Option(
        "--queue",
        envvar="UCURVE_QUEUE",
        metavar="DIR",
        help="Folder of the queue, on a local disk; default: queue in the store.",
        show_default=False,
    ),
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, as ucurve queue shows it.")]


def open_queue(store: Path, folder: Path | None) -> Queue:
    """The queue beside a store; one that nobody has made yet is empty."""
    from runner.queue.queue import Queue

    return Queue.open(store, folder=folder)


def find_job(queue: Queue, job_id: str) -> Job:
    """The job of this id.

    Raises:
        ConfigError: There is none.
    """
    from runner.errors import ConfigError

    job = queue.job(job_id)
    if job is None:
        raise ConfigError(f"there is no job {job_id!r} in the queue {str(queue.folder)!r}; `ucurve queue` lists them")
    return job
