"""What a running sweep is asked from outside: a file that names the runs to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from runner.job_files import JobControl


class ControlFile:
    """The runs that are to stop, as the file says now; a file that is not there asks for nothing.

    Args:
        path: Where it is, or will be; replaced whole by whoever writes it.
        say: Tells the reader one sentence.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        self._seen: tuple[int, int, int] | None = None
        self._stop_runs: frozenset[str] = frozenset()

    def stop_runs(self) -> frozenset[str]:
        """Ids of the runs that are to stop; costs one look at the file's time while nothing changes."""
        try:
            found = self._path.stat()
        except OSError:
            return self._stop_runs
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._stop_runs

    def _read(self) -> None:
        try:
            control = JobControl.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError) as problem:
            self._say(f"the control file '{self._path}' cannot be read and is left aside: {_in_short(problem)}")
        else:
            self._stop_runs = frozenset(control.stop_runs)


def _in_short(problem: OSError | ValidationError) -> str:
    return problem.errors()[0]["msg"] if isinstance(problem, ValidationError) else str(problem.strerror)
