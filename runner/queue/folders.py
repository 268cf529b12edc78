"""Where the files of an attempt lie, and which of them are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Set
from os import SEEK_END
from pathlib import Path
from typing import Final

from runner.job_files import JobStatus
from runner.queue.asking import checked_id

KEPT: Final = 200
"""Ended jobs whose files stay, the newest (our choice); what became of the others stays in the queue itself."""

_BYTES_A_LINE: Final = 1000
"""Read of a log for each line that is wanted: far more than lines have."""


def attempt_folder(queue: Path, job_id: str, attempt: int) -> Path:
    """Where `spec.yaml`, `status.json`, `control.json`, `log.txt` and `result.json` of an attempt lie; not made here.

    Raises:
        ConfigError: `job_id` is no id.
    """
    return queue / "jobs" / checked_id(job_id, "job") / str(int(attempt))


def prune(queue: Path, ended: Callable[[], Iterable[str]]) -> None:
    """Removes the files of all ended jobs but the newest; `ended` gives their ids, the newest first."""
    there = _names(queue / "jobs")
    if len(there) <= KEPT:
        return
    for job_id in list(ended())[KEPT:]:
        if job_id in there:
            shutil.rmtree(queue / "jobs" / job_id, ignore_errors=True)


def _names(folder: Path) -> Set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError:
        return set()


def read_status(folder: Path) -> JobStatus | None:
    """How far an attempt is, from its folder; None where its process has not said so yet."""
    try:
        return JobStatus.model_validate_json((folder / "status.json").read_bytes())
    except (OSError, ValueError):
        return None


def log_tail(folder: Path, n_lines: int) -> list[str]:
    """The last lines that an attempt wrote; text from outside."""
    try:
        with (folder / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, SEEK_END) - n_lines * _BYTES_A_LINE))
            return file.read().decode(errors="replace").splitlines()[-n_lines:]
    except OSError:
        return []
