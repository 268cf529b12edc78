"""The small file that says "this folder is a Ucurve store", and with which version of the columns."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from analysis.errors import StoreError
from analysis.store.schema import SCHEMA_VERSION, TABLES

MARKER: Final = "ucurve-store.json"
_OWN_NAMES: Final = frozenset({*TABLES, MARKER, "artifacts"})
_UNSAFE: Final = re.compile(r"[\[\]|^%\\*?\x00-\x1f\x7f]")
"""Characters in a path that crash the Delta library, or that DuckDB would take for a pattern."""


def local_folder(location: str | Path) -> Path:
    """Absolute folder of a store.

    Raises:
        StoreError: an object-store URL, or a path with characters that the storage libraries cannot handle.
    """
    if "://" in str(location):
        raise StoreError(f"a store must be a local folder for now, got {str(location)!r}")
    folder = Path(location).expanduser().absolute()
    if unsafe := _UNSAFE.search(str(folder)):
        raise StoreError(f"the path of a store must not contain {unsafe[0]!r}: {str(folder)!r}")
    return folder


def read_marker(folder: Path) -> int:
    """Schema version of the store in `folder`.

    Raises:
        StoreError: there is no store, or its marker is damaged.
    """
    path = folder / MARKER
    try:
        marker = json.loads(path.read_text())
        return int(marker["schema_version"])
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{str(folder)!r} is not a Ucurve store; run a sweep or an import into it first") from None
    except OSError as problem:
        raise StoreError(f"cannot read {str(path)!r}: {problem.strerror}") from problem
    except (ValueError, TypeError, KeyError) as problem:
        raise StoreError(f"{str(path)!r} is damaged; it should read {_content()!r}") from problem


def write_marker(folder: Path) -> None:
    """Makes `folder` a store of the current schema version, whole or not at all.

    Raises:
        StoreError: the folder holds other things, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in folder.iterdir() if path.name.split(".inprogress")[0] not in _OWN_NAMES)
        if foreign and not (folder / MARKER).exists():
            raise StoreError(f"{str(folder)!r} is no Ucurve store but holds {foreign[0]!r}; name another folder")
        draft = folder / f"{MARKER}.inprogress-{os.getpid()}"
        draft.write_text(_content())
        draft.replace(folder / MARKER)
    except StoreError:
        raise
    except OSError as problem:
        raise StoreError(f"cannot make a store of {str(folder)!r}: {problem.strerror}") from problem


def _content() -> str:
    return json.dumps({"format": "ucurve-store", "schema_version": SCHEMA_VERSION})
