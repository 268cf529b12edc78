"""The small file that says "this folder is a Ucurve store", and with which version of the columns."""

from __future__ import annotations

import json
import os
import re
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from analysis.errors import StoreError
from analysis.store.schema import SCHEMA_VERSION, TABLES

MARKER: Final = "ucurve-store.json"
_OWN_NAMES: Final = frozenset({*TABLES, MARKER, "artifacts", "checkpoints", "locks", "jobs", "queue"})
_UNSAFE: Final = re.compile(r"[\[\]|^%\\*?\x00-\x1f\x7f]")
"""Characters in a path that crash the Delta library, or that DuckDB would take for a pattern."""

_IS_FILE: Final = "{!r} is a file, and a store is a folder; name its folder"


def local_folder(location: str | Path) -> Path:
    """Absolute folder of a store.

    Raises:
        StoreError: an object-store URL, a file, or a path with characters that the storage libraries cannot handle.
    """
    if "://" in str(location):
        raise StoreError(f"a store must be a local folder for now, got {str(location)!r}")
    folder = Path(location).expanduser().absolute()
    if unsafe := _UNSAFE.search(str(folder)):
        raise StoreError(f"the path of a store must not contain {unsafe[0]!r}: {str(folder)!r}")
    if folder.is_file():
        raise StoreError(_IS_FILE.format(str(folder)))
    # Only then: of a store behind a link the link's own name is the one that people know.
    return folder.resolve() if ".." in folder.parts else folder


@dataclass(frozen=True, slots=True)
class Marker:
    """What the marker says: the version of the columns, and which store this is.

    The id tells a store from another one that was made in the same place later: table versions alone would not.
    """

    schema_version: int
    store_id: str

    def to_text(self) -> str:
        """Content of the file."""
        return json.dumps({"format": "ucurve-store", **asdict(self)})


def read_marker(folder: Path) -> Marker:
    """The marker of the store in `folder`.

    Raises:
        StoreError: there is no store, or its marker is damaged.
    """
    path = folder / MARKER
    try:
        content = json.loads(path.read_text())
        return Marker(int(content["schema_version"]), str(content["store_id"]))
    except NotADirectoryError:
        raise StoreError(_IS_FILE.format(str(folder))) from None
    except FileNotFoundError:
        raise StoreError(
            f"{str(folder)!r} is not a Ucurve store; the first sweep, launch or import into it makes one"
        ) from None
    except OSError as problem:
        raise StoreError(f"cannot read {str(path)!r}: {problem.strerror}") from problem
    except (ValueError, TypeError, KeyError) as problem:
        example = Marker(SCHEMA_VERSION, uuid.uuid4().hex).to_text()
        raise StoreError(f"{str(path)!r} is damaged; write {example} into it") from problem


def is_made(folder: Path) -> bool:
    """Whether there is a store in `folder`, and not just room for one.

    Raises:
        StoreError: the folder holds other things, or cannot be read.
    """
    if (folder / MARKER).exists():
        return True
    _check_room(folder)
    return False


def create_marker(folder: Path) -> None:
    """Makes `folder` a new store of the current schema version.

    Raises:
        StoreError: the folder holds other things, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(f"cannot make a store of {str(folder)!r}: {problem.strerror}") from problem
    _check_room(folder)
    write_marker(folder, Marker(SCHEMA_VERSION, uuid.uuid4().hex))


def _check_room(folder: Path) -> None:
    try:
        names = [path.name for path in folder.iterdir()] if folder.exists() else []
    except OSError as problem:
        raise StoreError(f"cannot make a store of {str(folder)!r}: {problem.strerror}") from problem
    foreign = sorted(name for name in names if name.split(".inprogress")[0] not in _OWN_NAMES)
    if foreign:
        raise StoreError(f"{str(folder)!r} is no Ucurve store but holds {foreign[0]!r}; name another folder")


def write_marker(folder: Path, marker: Marker) -> None:
    """Replaces the marker, whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    draft = folder / f"{MARKER}.inprogress-{os.getpid()}"
    try:
        draft.write_text(marker.to_text())
        draft.replace(folder / MARKER)
    except OSError as problem:
        raise StoreError(f"cannot write {str(folder / MARKER)!r}: {problem.strerror}") from problem
