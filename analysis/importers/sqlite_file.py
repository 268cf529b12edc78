"""Opens SQLite files that other programs may be writing to, without changing a byte in or beside them.

A read-only connection still makes a `-shm` file beside a database in WAL mode, and cannot read one whose writer was
killed inside a transaction. Such a database is read from a private copy.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_MAGIC: Final = b"SQLite format 3\x00"
_WAL: Final = b"\x02"
_HEADER_BYTES: Final = 20
_BESIDE: Final = ("-wal", "-journal")
_TRIES: Final = 5
TIMEOUT_S: Final = 20.0
"""How long to wait for a writer's lock; our choice."""


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as a SQLite database."""
    return _header(path).startswith(_MAGIC)


def table_names(path: Path) -> frozenset[str]:
    """Names of a database's tables; none where it cannot be read."""
    if not is_sqlite(path):
        return frozenset()
    try:
        return _tables(f"{path.resolve().as_uri()}?mode=ro&immutable=1") or _tables_of_copy(path)
    except (sqlite3.Error, OSError):
        return frozenset()


@contextmanager
def readable_uri(path: Path) -> Iterator[str]:
    """A URI under which the database can be read while the block lasts.

    Raises:
        OSError: the file cannot be read, or was being written to at every try to copy it.
    """
    if not _needs_copy(path):
        yield f"{path.resolve().as_uri()}?mode=ro"
        return
    with tempfile.TemporaryDirectory(prefix="ucurve-") as folder:
        copy = Path(folder) / "copy.db"
        _copy(path, copy)
        yield copy.as_uri()


@contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads.

    Raises:
        OSError: as `readable_uri`.
        sqlite3.Error: this is no database, or it is damaged.
    """
    with readable_uri(path) as uri, closing(sqlite3.connect(uri, uri=True, timeout=TIMEOUT_S)) as connection:
        yield connection


def files_of(path: Path) -> tuple[Path, ...]:
    """The database and the files beside it that are part of it."""
    return tuple(file for file in (path, *_beside(path)) if file.exists())


def _header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""


def _needs_copy(path: Path) -> bool:
    has_more = any(file.exists() and file.stat().st_size for file in _beside(path))
    return has_more or _header(path)[18:19] == _WAL


def _beside(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in _BESIDE)


def _copy(path: Path, target: Path) -> None:
    """Copies a database; again where it changed meanwhile."""
    for _ in range(_TRIES):
        before = _state(path)
        for source, ending in zip((path, *_beside(path)), ("", *_BESIDE), strict=True):
            copied = target.with_name(target.name + ending)
            copied.unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, copied)
        if _state(path) == before:
            return
    raise OSError(0, "it is being written to all the time; import again when it rests")


def _state(path: Path) -> list[tuple[str, int, int]]:
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files_of(path)]


def _tables(uri: str) -> frozenset[str]:
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return frozenset(str(name) for (name,) in rows)


def _tables_of_copy(path: Path) -> frozenset[str]:
    """Tables that so far stand only in the log beside a database."""
    if not _needs_copy(path):
        return frozenset()
    with readable_uri(path) as uri:
        return _tables(uri)
