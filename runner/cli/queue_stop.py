"""`ucurve stop`: ends a job of the queue, or one run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.queue_options import JobArgument, QueueOption, find_job, open_queue
from runner.cli.queue_view import show_state


def stop_job(
    job_id: JobArgument,
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Stop only this run; the others of the job go on.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Stop a job, or one run of it: what is finished stays in the store."""
    from runner.access.local import command_line_person

    opened, person = open_queue(store, queue), command_line_person()
    if run is not None:
        opened.ask_stop_run(job_id, run, person)
        show_state(opened, job_id, f"run {run} is asked to stop; the others go on", json_output=json_output)
        return
    before = find_job(opened, job_id)
    job = opened.ask_stop(job_id, person)
    if job.state == "running":
        said = f"job {job_id} is asked to stop after this step; finished runs stay"
    elif before.state in ("queued", "running"):
        said = f"job {job_id} is {job.state}"
    else:
        said = f"job {job_id} had ended before: {job.state}"
    show_state(opened, job_id, said, json_output=json_output)
