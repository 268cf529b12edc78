"""Several processes at once, forked so that they start within milliseconds."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FORK = multiprocessing.get_context("fork")
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own inside


def at_once(n: int, work: Callable[[int], None]) -> list[int | None]:
    """Runs `work(0)` ... `work(n - 1)`, a process each, which begin together; returns their exit codes."""
    barrier = _FORK.Barrier(n)

    def run(number: int) -> None:
        barrier.wait()
        work(number)

    processes = [_FORK.Process(target=run, args=(number,)) for number in range(n)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def until_killed(work: Callable[[int], None]) -> tuple[bytes, int]:
    """Runs `work(pipe)` in a process that is to die in it; returns what came through the pipe, and its exit status."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(out)
            work(into)
        finally:
            os._exit(99)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        said = pipe.read()
    return said, os.waitpid(pid, 0)[1]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where there is one: for many small changes whose durability is not what is tested."""
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as name:
        yield Path(name)
