"""Finds and reads local logs: `wandb` folders and single `.wandb` files, without a server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from analysis.importers.places import change_digest
from analysis.importers.source import Item
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb.attempts import read_attempts
from analysis.importers.wandb.run import KIND, label_of, source_run
from analysis.importers.wandb_log import LogFile, LoggedRun, discover_logs, group_logs, read_run_log

READER: Final = "local"
_MAGIC: Final = b":W&B"
_SETTLED_S: Final = 1.0
"""A file that was written to within this time may be in the middle of a write."""
_LONGEST_WAIT_S: Final = 2.0


def find_local(places: Sequence[str]) -> Iterator[Item | Refusal]:
    """An item a run; a log that says no run, and a place that cannot be looked at, is refused with its reason.

    A file that neither is called a log nor begins as one is none.

    Raises:
        ConfigError: there is nothing at one of the places.
    """
    paths = (Path(place).expanduser() for place in places)
    found = discover_logs(path for path in paths if not _is_other_file(path))
    grouping = group_logs(found.files)
    yield from (_item(run) for run in grouping.runs)
    for file in grouping.unplaced:
        yield Refusal(kind=KIND, label=_text(file.path), reason=read_run_log(file.path).reason or "it holds no run")
    for place, reason in found.problems:
        yield Refusal(kind=KIND, label=_text(Path(place)), reason=reason)


def read_local(item: Item, *, now: float | None, progress: Callable[[int], None]) -> SourceRun | Refusal:
    """The run of an item of `find_local`."""
    logs = [LogFile(Path(first), tuple(map(Path, copies))) for first, *copies in json.loads(item.locator["logs"])]
    for log in logs:
        _wait_for_a_pause(log.path, progress)
    runs = group_logs(logs).runs
    attempts = read_attempts(runs[0], now=now, progress=progress) if len(runs) == 1 else []
    if not any(attempt.log.facts for attempt in attempts):
        reason = "its logs were moved or replaced while they were being imported; import again"
        return Refusal(kind=KIND, label=item.label, reason=reason)
    return source_run(runs[0], attempts)


def _is_other_file(path: Path) -> bool:
    if path.suffix == ".wandb" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) != _MAGIC
    except OSError:
        return True


def _item(run: LoggedRun) -> Item:
    logs = [log for part in run.parts for log in part.candidates]
    return Item(
        kind=KIND,
        label=label_of(run),
        digest=change_digest(log.path for log in logs),
        locator={
            "reader": READER,
            "logs": json.dumps([[str(path) for path in (log.path, *log.copies)] for log in logs]),
        },
        folder=_own_folder(logs),
    )


def _own_folder(logs: Sequence[LogFile]) -> Path | None:
    """The folder that the client made for a run in one part."""
    folders = {log.path.parent for log in logs}
    alone = len(folders) == 1 and len(logs) == 1 and (logs[0].path.parent / "files").is_dir()
    return folders.pop() if alone else None


def _wait_for_a_pause(path: Path, progress: Callable[[int], None]) -> None:
    """Waits for a file that is being written to; one that never pauses is read as it is, and then has no end."""
    waited_until = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < waited_until:
        try:
            age = time.time() - path.stat().st_mtime
        except OSError:
            return
        if not 0 <= age < _SETTLED_S:
            return
        progress(0)
        time.sleep(min(0.1, _SETTLED_S - age))


def _text(path: Path) -> str:
    """A path as text that can be stored: names need not be UTF-8."""
    return os.fsencode(path).decode(errors="replace")
