"""The queue's one file: every look at it is one snapshot, every change whole or absent, every problem one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from analysis.errors import StoreError
from analysis.store.marker import is_made
from runner.queue import schema

_WAIT_S: Final = 20.0
"""How long one waits for another's change, which takes milliseconds unless the disk is stuck (our choice)."""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_WRITABLE: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_HELD: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """Opens the file anew for each look or change (about 0.2 ms), so that threads and forks never share a handle.

    Args:
        file: Where the file lies, or will.
        store: The store beside it.
    """

    def __init__(self, file: Path, store: Path) -> None:
        self.file = file
        self._store = store

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """One snapshot; where there is no queue yet, an empty one.

        Raises:
            StoreError: The file is damaged, newer, foreign or cannot be read.
        """
        with self._explained(), closing(self._open_to_look()) as db:
            yield db

    @contextmanager
    def change(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, which is on the disk when the block has ended and undone when it raises.

        Makes the file where there is none.

        Args:
            counted: Whether those who watch the queue should look again.

        Raises:
            StoreError: As `look`; or the disk is full, or nothing can be written there.
        """
        self._make_folder()
        with self._explained(), closing(self._connect("rwc")) as db:
            db.execute("BEGIN IMMEDIATE")
            self._check_length(db)
            self._migrate(db)
            self._check_store(db)
            yield db
            if counted:
                db.execute("UPDATE queue SET n_changes = n_changes + 1")
            db.execute("COMMIT")

    def stamp(self) -> tuple[int, int]:
        """Time of the file's last change in ns and its size: another one, but for changes in one tick of the clock."""
        try:
            found = self.file.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _open_to_look(self) -> sqlite3.Connection:
        if self._is_there():
            db = self._connect("rw")  # read-only by itself where nothing can be written
            db.execute("BEGIN")
            version = self._version(db)
            self._check_length(db)
            if version == len(schema.MIGRATIONS):
                self._check_store(db)
                return db
            db.close()
            if version:
                with self.change():
                    pass  # which brings the file up to date
                return self._open_to_look()
        empty = _connect(":memory:")
        self._migrate(empty)
        return empty

    def _is_there(self) -> bool:
        try:
            return self.file.exists()
        except OSError as problem:
            raise StoreError(f"the queue {str(self.file)!r} cannot be read: {problem.strerror}") from problem

    def _connect(self, mode: str) -> sqlite3.Connection:
        return _connect(f"{self.file.as_uri()}?mode={mode}")

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = self._version(db)
        for step in schema.MIGRATIONS[version:]:
            for statement in step:
                db.execute(statement)
        if version == 0:
            db.execute("INSERT INTO queue (store, n_changes) VALUES (?, 0)", (self._store_name,))
        if version < len(schema.MIGRATIONS):
            db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")

    def _version(self, db: sqlite3.Connection) -> int:
        """How many steps the file has seen; 0 for one that was only just made."""
        version = int(_value(db, "PRAGMA user_version"))
        kind = _value(db, "PRAGMA application_id")
        if version > len(schema.MIGRATIONS) and kind == schema.APPLICATION_ID:
            raise StoreError(
                f"the queue {str(self.file)!r} was written by a newer Ucurve "
                f"(version {version}, this one knows {len(schema.MIGRATIONS)}); update Ucurve"
            )
        if kind != schema.APPLICATION_ID and (version or _value(db, "SELECT count(*) FROM sqlite_master")):
            raise StoreError(f"{str(self.file)!r} is a database, but no queue of Ucurve's; name another folder")
        return version

    def _check_length(self, db: sqlite3.Connection) -> None:
        """SQLite reads a last page that was cut as one that ends in zeros, and believes it; so look at its length."""
        length = _value(db, "PRAGMA page_count") * _value(db, "PRAGMA page_size")
        if 0 < self.file.stat().st_size < length:  # nothing yet, while the first change makes it
            raise StoreError(self._damaged(f"it ends before its {length} bytes"))

    def _check_store(self, db: sqlite3.Connection) -> None:
        """A queue that lies elsewhere knows its store, lest a worker writes one store's runs into another."""
        store = str(db.execute("SELECT store FROM queue").fetchone()[0])
        if self.file.parent.parent != self._store and store != self._store_name:
            raise StoreError(
                f"the queue {str(self.file)!r} is that of the store {store!r}, not of {self._store_name!r}; "
                "name another folder with --queue or UCURVE_QUEUE"
            )

    @property
    def _store_name(self) -> str:
        return str(self._store.resolve())

    def _make_folder(self) -> None:
        folder = self.file.parent
        if folder.is_dir():
            return
        if folder.parent == self._store:
            is_made(self._store)  # raises where the folder holds other things than a store
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"cannot make the queue's folder {str(folder)!r}: {problem.strerror}") from problem

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise  # a mistake of this program
        except sqlite3.DatabaseError as error:
            raise StoreError(self._sentence(error)) from error

    def _sentence(self, error: sqlite3.DatabaseError) -> str:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # without one: text that is no UTF-8
        file = repr(str(self.file))
        if code in _DAMAGED:
            return self._damaged(str(error))
        if code == sqlite3.SQLITE_FULL:
            return f"the disk is full, so the queue {file} cannot be changed; free some space and ask again"
        if code in _NOT_WRITABLE:
            return f"the queue {file} cannot be changed or opened ({error}); ask somebody who may write its folder"
        if code in _HELD:
            return f"another process has held the queue {file} for {_WAIT_S:g} s; look what it waits for, and ask again"
        return f"the queue {file} cannot be used ({error}); look after the disk, and ask again"

    def _damaged(self, how: str) -> str:
        return (
            f"the queue {str(self.file)!r} is damaged ({how}); end its workers, move the file away and submit again: "
            "runs in the store are not touched, and those that finished are skipped"
        )


def _connect(address: str) -> sqlite3.Connection:
    db = sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _value(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
