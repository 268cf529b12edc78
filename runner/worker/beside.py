"""A worker beside the dashboard of a workstation: it goes on when the dashboard ends, until there is nothing to do.

Every dashboard holds a shared lock in the queue's folder, which the kernel lets go of when it ends, however it ends. A
worker that finds nothing to do and can take the lock for itself is alone. It keeps it until it has ended, so that a
dashboard that starts meanwhile waits for that and starts a new one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from analysis.errors import UcurveError
from runner.access.site import SITE_VARIABLE
from runner.queue.queue import Queue
from runner.worker.kernel import check_platform

LOG: Final = "worker.log"
_DASHBOARDS: Final = "dashboards.lock"
_WORKER: Final = "beside.lock"
_PAUSE_S: Final = 2.0
"""Before a killed worker is followed by another one (our choice)."""


@contextmanager
def worker_beside(store: Path, say: Callable[[str], None], *, site_file: Path | None = None) -> Iterator[None]:
    """While the block runs, a worker does the jobs of the store; a job that runs at its end goes on.

    A worker that is there already is not doubled. A store that cannot be written gets none, and that is said.

    Args:
        store: Folder of the store, which may not be there yet.
        say: Takes sentences for people.
        site_file: Roles and limits; None: as the environment says.
    """
    try:
        check_platform()
        queue = Queue.open(store, create=True)
        opened = (queue.folder / _DASHBOARDS).open("a")
    except (UcurveError, OSError) as problem:
        say(f"No worker runs beside the dashboard: {problem}")
        yield
        return
    with opened as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        is_over = threading.Event()
        _start_unless_there(queue, store, say, site_file, is_over)
        try:
            yield
        finally:
            is_over.set()
    _say_what_goes_on(queue, store, say)


@contextmanager
def only_worker_beside(folder: Path) -> Iterator[Callable[[], bool] | None]:
    """What tells such a worker that it may end: no dashboard is open. None instead where there is another such worker.

    Args:
        folder: The queue's.
    """
    with (folder / _WORKER).open("a") as mine, (folder / _DASHBOARDS).open("a") as dashboards:
        yield (lambda: _take(dashboards)) if _take(mine) else None


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_unless_there(
    queue: Queue, store: Path, say: Callable[[str], None], site_file: Path | None, is_over: threading.Event
) -> None:
    there = [worker.worker_id for worker in queue.workers() if worker.is_alive]
    if there:
        say(f"Jobs are done by {', '.join(there)}, which runs already.")
        return
    threading.Thread(target=_mind, args=(queue, store, say, site_file, is_over), daemon=True).start()
    say(f"A worker does the jobs that are submitted; what it says stands in {queue.folder / LOG}")


def _mind(
    queue: Queue, store: Path, say: Callable[[str], None], site_file: Path | None, is_over: threading.Event
) -> None:
    """Starts a worker, and another one when it was killed; one that ends by itself was asked to."""
    while (code := _start(queue, store, site_file).wait()) < 0 and not is_over.wait(_PAUSE_S):
        say(f"The worker was ended by signal {-code}; another one goes on with its job.")


def _start(queue: Queue, store: Path, site_file: Path | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command line, no shell
        [sys.executable, "-m", "runner.cli", "worker", f"--store={store}", f"--queue={queue.folder}", "--beside"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **({} if site_file is None else {SITE_VARIABLE: str(site_file.absolute())})},
        start_new_session=True,  # neither Ctrl-C nor a closed terminal is for it
    )


def _say_what_goes_on(queue: Queue, store: Path, say: Callable[[str], None]) -> None:
    try:
        jobs = queue.jobs(["running", "queued"])
    except UcurveError as problem:
        say(str(problem))
        return
    for job in jobs:
        if job.state == "running":
            say(f"{job.job_id} goes on without the dashboard; `ucurve stop {job.job_id} --store {store}` stops it.")
    n_queued = sum(job.state == "queued" for job in jobs)
    if n_queued:
        say(f"{n_queued} more wait for their turn.")
    if jobs:
        say(f"`ucurve queue --store {store}` shows how far they are.")
