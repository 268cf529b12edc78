"""The processes of a job, found by descent, by session and by the marks in their environment, and how they are ended.

One way alone is not enough: a forked child leaves the descent when its parent dies, a daemon leaves the session, and a
program may be started with another environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from runner.queue.identity import is_alive, this_process
from runner.queue.job import ProcessIdentity

JOB_MARK: Final = "UCURVE_JOB"
"""Environment variable of a job's processes: `<job_id>/<attempt>`."""
WORKER_MARK: Final = "UCURVE_WORKER"
"""Environment variable of a job's processes: `<pid>.<start ticks>` of their worker."""
_PATIENCE_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.02


def mark_of(worker: ProcessIdentity) -> str:
    """What tells a worker of this machine from all others since it started."""
    return f"{worker.pid}.{worker.started_ticks}"


def marked_by(worker: str) -> list[psutil.Process]:
    """All processes of the jobs of one worker."""
    return [process for process, marks in _marked() if marks.get(WORKER_MARK) == worker]


def marked_for(job_id: str) -> list[psutil.Process]:
    """All processes of a job, whichever attempt."""
    return [process for process, marks in _marked() if marks.get(JOB_MARK, "").partition("/")[0] == job_id]


def orphans() -> list[psutil.Process]:
    """Processes of jobs whose worker is gone."""
    return [process for process, marks in _marked() if WORKER_MARK in marks and not _is_there(marks[WORKER_MARK])]


def family_of(leader: int, job: str, *, apart_from: int) -> list[psutil.Process]:
    """The living processes of the job that this process runs.

    Args:
        leader: The job's first process, ended perhaps but not waited for yet: so its number is nobody else's.
        job: The job's mark.
        apart_from: A child of this process that is none of the job's, with all below it.
    """
    others = {os.getpid(), apart_from}
    below = [child for child in psutil.Process().children() if child.pid not in others]
    found = {process.pid: process for child in below for process in (child, *_descendants(child))}
    for process in psutil.process_iter():
        if process.pid not in found and process.pid not in others and _belongs(process, leader, job):
            found[process.pid] = process
    return [process for process in found.values() if _is_alive(process)]


def end_all(find: Callable[[], Iterable[psutil.Process]], patience_s: float = _PATIENCE_S) -> list[psutil.Process]:
    """Kills what `find` finds until it finds nothing; returns what does not die in time (it hangs in a driver)."""
    deadline = time.monotonic() + patience_s
    while alive := [process for process in find() if _is_alive(process)]:
        if time.monotonic() > deadline:
            return alive
        for process in alive:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()
        time.sleep(_LOOK_EVERY_S)
    return []


def reap(*, apart_from: Iterable[int]) -> None:
    """Waits for adopted children that have ended; else they stay in the process table."""
    spared = frozenset(apart_from)
    for child in psutil.Process().children():
        if child.pid not in spared and not _is_alive(child):
            with suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)


def memory_of(processes: Iterable[psutil.Process]) -> int:
    """Resident bytes of the processes together; pages that they share count for each."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_info().rss
    return total


def _marked() -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        marks = _environment(process)
        if JOB_MARK in marks and process.pid != os.getpid() and _shares_numbers(process.pid):
            yield process, marks


def _belongs(process: psutil.Process, leader: int, job: str) -> bool:
    try:
        return os.getsid(process.pid) == leader or _environment(process).get(JOB_MARK) == job
    except ProcessLookupError:
        return False


def _environment(process: psutil.Process) -> dict[str, str]:
    """The environment a process was started with; nothing where it is another user's, or gone."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_there(mark: str) -> bool:
    pid, _, ticks = mark.partition(".")
    if not (pid.isdecimal() and ticks.isdecimal()):
        return False
    return is_alive(replace(this_process(), pid=int(pid), started_ticks=int(ticks))) is True


def _shares_numbers(pid: int) -> bool:
    """Whether a process counts processes as this one does: in a container the same number is somebody else."""
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
    except OSError:
        return False
