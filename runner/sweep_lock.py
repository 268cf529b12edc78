"""One process at a time runs a sweep; a killed one leaves no lock behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import EnvironmentProblem


@contextmanager
def sweep_lock(store_location: str, sweep_id: str) -> Iterator[None]:
    """Holds the sweep for this process; the kernel lets go of it when the process ends, however it ends.

    Raises:
        EnvironmentProblem: Another process is running it.
    """
    folder = Path(store_location) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{sweep_id}.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise EnvironmentProblem(
                f"sweep '{sweep_id}' is being run by process {holder} already (store {store_location}); "
                "wait for it, stop it, or give this sweep another name"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
