"""Checkpoint folders: published whole, told apart from halves and damage, pruned. Knows nothing of what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARKER: Final = "COMPLETE"
"""Written last: the names of the other files, with their sizes and SHA-256."""
_DRAFT: Final = ".inprogress"


@dataclass(frozen=True, slots=True)
class Damage:
    """A checkpoint that cannot be used, and why."""

    folder: Path
    reason: str


class CheckpointShelf:
    """The checkpoints of one sweep, in folders `1`, `2`, ... of one folder; one process at a time may use it.

    Args:
        folder: Made with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, write: Callable[[Path], None], *, keep: int) -> Path:
        """Makes a new checkpoint durable, then lets go of the oldest ones.

        A kill or a power cut at any moment leaves it whole or not there. After a failed fsync nothing that was written
        can be trusted (the kernel forgets the pages), so the draft is thrown away.

        Args:
            write: Writes its files into the folder it is given.
            keep: How many checkpoints stay, this one included.

        Raises:
            OSError: it could not be written; the ones before are untouched.
        """
        number = max(self._numbers(), default=0) + 1
        draft, final = self.folder / f"{number}{_DRAFT}", self.folder / str(number)
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            write(draft)
            contents = {path.name: _seal(path) for path in sorted(draft.iterdir())}
            (draft / MARKER).write_text(json.dumps(contents), encoding="utf-8")
            _sync(draft / MARKER)
            _sync(draft)
            draft.rename(final)
            _sync(self.folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        for old in self._numbers()[keep:]:
            self.remove(self.folder / str(old))
        return final

    def newest_first(self) -> Iterator[Path | Damage]:
        """Every published checkpoint, checked as its turn comes."""
        for number in self._numbers():
            folder = self.folder / str(number)
            reason = _damage(folder)
            yield folder if reason is None else Damage(folder, reason)

    def clear(self) -> None:
        """Removes everything; what cannot be removed stays, and hurts nobody."""
        for number in reversed(self._numbers()):
            self.remove(self.folder / str(number))
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove(self, checkpoint: Path) -> None:
        """Takes the marker first: whatever interrupts this, no half looks whole."""
        (checkpoint / MARKER).unlink(missing_ok=True)
        shutil.rmtree(checkpoint, ignore_errors=True)

    def _numbers(self) -> list[int]:
        """Of the published checkpoints, the newest first."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return sorted((int(name) for name in names if name.isascii() and name.isdigit()), reverse=True)


def _seal(path: Path) -> dict[str, object]:
    _sync(path)
    return {"bytes": path.stat().st_size, "sha256": _digest(path)}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damage(folder: Path) -> str | None:
    """What is wrong with a published checkpoint; None for a whole one."""
    try:
        contents = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        for name, sealed in contents.items():
            if (folder / name).stat().st_size != sealed["bytes"]:
                return f"{name} was cut or grew"
            if _digest(folder / name) != sealed["sha256"]:
                return f"{name} is not what was written"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except OSError as error:
        return f"{Path(str(error.filename)).name} cannot be read: {error.strerror}"
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{MARKER} cannot be read"
    return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
