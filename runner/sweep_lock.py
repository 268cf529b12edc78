"""One process at a time runs a sweep or scores the runs of a store; a killed one leaves no lock behind."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from runner.errors import EnvironmentProblem

_LOOK_EVERY_S = 0.5


@contextmanager
def sweep_lock(store_location: str, sweep_id: str) -> Iterator[None]:
    """Holds the sweep for this process; the kernel lets go of it when the process ends, however it ends.

    Raises:
        EnvironmentProblem: Another process is running it; or the store cannot be written.
    """
    with _lock_file(store_location, f"{sweep_id}.lock") as file:
        if not _take(file):
            raise EnvironmentProblem(
                f"sweep '{sweep_id}' is being run by process {_holder(file)} already (store {store_location}); "
                "wait for it, stop it, or give this sweep another name"
            )
        yield


@contextmanager
def evaluation_lock(store_location: str, say: Callable[[str], None], should_stop: Callable[[], bool]) -> Iterator[None]:
    """Holds the scoring of a store's runs for this process, after those before it: nothing is scored twice.

    A `should_stop` ends the waiting; whoever asks it again does nothing then.
    """
    with _lock_file(store_location, "scores.evaluation") as file:
        if not _take(file):
            say(f"process {_holder(file)} is scoring runs of this store; waiting for it")
            while not should_stop() and not _take(file):
                time.sleep(_LOOK_EVERY_S)
        yield


@contextmanager
def _lock_file(store_location: str, name: str) -> Iterator[TextIO]:
    path = Path(store_location) / "locks" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as problem:
        raise EnvironmentProblem(
            f"the store cannot be written: {str(path)!r}: {problem.strerror}; make room, or ask somebody who may"
        ) from problem
    with file:
        yield file


def _take(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    with suppress(OSError):  # a full disk: the lock holds all the same, and only the number is missing
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), str(os.getpid()).encode())
    return True


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip() or "unknown"
