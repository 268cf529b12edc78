"""Whether a disk has room for a job's checkpoints, adapters and metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_GIB: Final = 1024**3


def missing_space(folders: Iterable[Path], least_bytes: int) -> str | None:
    """Why no job can start, in one sentence; None when every folder's disk has `least_bytes` free.

    The rule looks at the disk alone and not at the job: what a job needs follows from its model, which the worker does
    not load.
    """
    for folder in folders:
        try:
            free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
        except OSError as problem:
            return f"waits for its disk: {str(folder)!r} cannot be read ({problem.strerror})"
        if free < least_bytes:
            return (
                f"waits for disk space: {free / _GIB:.1f} GiB are free at {str(folder)!r} and a job starts "
                f"with {least_bytes / _GIB:.1f} GiB (limits.least_free_bytes of the site file)"
            )
    return None
