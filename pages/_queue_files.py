"""What a job's process left in its folder: how far it is, and the end of its log. Read anew, capped, never trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from runner.job_files import JobStatus

MOST_LINES: Final = 200
"""Lines of a log that are shown (our choice): more than a traceback has."""
_MOST_BYTES: Final = 64 * 1024
_MOST_STATUS_BYTES: Final = 4 * 1024 * 1024
_CONTROL: Final = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Terminal sequences, control characters, and characters that turn the direction of what follows."""


def read_status(folder: Path) -> JobStatus | None:
    """How far the process said it was; None where it has not said anything, or nothing that can be read."""
    try:
        path = folder / "status.json"
        if path.stat().st_size > _MOST_STATUS_BYTES:
            return None
        return JobStatus.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def read_log_end(folder: Path) -> str:
    """The last lines of the log, without what steers a terminal; empty where there is none."""
    try:
        with (folder / "log.txt").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _MOST_BYTES))
            text = file.read(_MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""
    lines = [_CONTROL.sub("", line.rpartition("\r")[2]) for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines[-MOST_LINES:]).strip("\n")
