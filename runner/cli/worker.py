"""`ucurve worker`: does the jobs of the queue, one after the other, until it is asked to end."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, StoreOption
from runner.cli.output import note
from runner.cli.queue_options import QueueOption, open_queue

if TYPE_CHECKING:
    from runner.queue.queue import Queue

PARTIAL = 1


def work(
    store: StoreOption = Path(DEFAULT_STORE),
    queue: QueueOption = None,
    device: Annotated[
        int | None,
        typer.Option("--device", min=0, metavar="N", help="The only CUDA device that its jobs see; start one a GPU."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after one job, or at once when there is none.")] = False,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when no job is left.")] = False,
    beside: Annotated[
        bool,
        typer.Option(
            "--beside", help="As `ucurve app` starts it: end when nothing is to do and no dashboard open; keep a log."
        ),
    ] = False,
) -> None:
    """Do the jobs of the queue, one after the other.

    Ctrl-C and SIGTERM stop the running job cleanly and put it back into the queue; a second one does so at once. Exit
    code 1 says that a job failed or was refused.
    """
    from analysis.store.marker import local_folder
    from runner.worker.worker import Worker, WorkerOptions

    opened, place = open_queue(store, queue), local_folder(store)
    if beside:
        _work_beside(opened, place)
        return
    options = WorkerOptions(once=once, until_idle=until_idle, device=device)
    if Worker(opened, place, options, note).run():
        raise typer.Exit(PARTIAL)


def _work_beside(queue: Queue, store: Path) -> None:
    """Nobody reads what it prints, so that everything goes into the log, also why it broke off."""
    from runner.worker.beside import LOG, only_worker_beside
    from runner.worker.log import DatedLog
    from runner.worker.worker import Worker, WorkerOptions

    log = DatedLog(queue.folder / LOG)
    try:
        with only_worker_beside(queue.folder) as may_end:
            if may_end is not None:
                Worker(queue, store, WorkerOptions(may_end=may_end), log.say).run()
    except BaseException:
        log.say(traceback.format_exc())
        raise
