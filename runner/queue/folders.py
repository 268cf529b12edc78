"""Where the files of an attempt lie, and which of them are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Set
from pathlib import Path
from typing import Final

from runner.queue.asking import checked_id

KEPT: Final = 200
"""Ended jobs whose files stay, the newest (our choice); what became of the others stays in the queue itself."""


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
