"""Opens an Optuna storage through Optuna itself, but so that nothing is created, migrated or written."""

from __future__ import annotations

import io
import json
import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.errors import StoreError
from analysis.importers import sqlite_file

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from sqlalchemy.engine import URL

STALE_S: Final = 600
"""Seconds after the last heartbeat of a trial from which its process counts as gone. Our choice, as for W&B logs."""
CONNECT_S: Final = 10

_TABLES: Final = frozenset({"studies", "trials", "version_info", "alembic_version"})
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Opened:
    """An open storage.

    Attributes:
        storage: Optuna's own.
        damage: What of a journal could not be read, or None.
        stale: Ids of trials whose heartbeats stopped; None where the storage keeps none.
        keeps_utc: Whether it keeps times in UTC, which Optuna turns into this machine's; else they are those of the
            machine that wrote them.
    """

    storage: BaseStorage
    damage: str | None = None
    stale: frozenset[int] | None = None
    keeps_utc: bool = False


def is_database(path: Path) -> bool:
    """Whether a file is a SQLite database with Optuna's tables."""
    return sqlite_file.table_names(path) >= _TABLES - {"alembic_version"}


def is_journal(path: Path) -> bool:
    """Whether the first line of a file is an operation of a journal."""
    try:
        with path.open("rb") as file:
            head = file.readline(_HEAD_BYTES)
        first = json.loads(head)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and "op_code" in first and "worker_id" in first


@contextmanager
def open_database(path: Path) -> Iterator[Opened]:
    """The storage in a SQLite file.

    Raises:
        StoreError: it cannot be read, or was made by another version of Optuna.
    """
    try:
        with sqlite_file.readable_uri(path) as uri:

            def connect() -> sqlite3.Connection:
                return sqlite3.connect(uri, uri=True, timeout=sqlite_file.TIMEOUT_S, check_same_thread=False)

            with _open_rdb("sqlite://", {"creator": connect}) as opened:
                yield opened
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"the database cannot be read: {error.strerror}") from error


@contextmanager
def open_address(url: URL) -> Iterator[Opened]:
    """The storage in a database server.

    Raises:
        StoreError: it cannot be reached or read, or was made by another version of Optuna; without the password.
    """
    text = url.render_as_string(hide_password=False)
    try:
        with _open_rdb(text, {"connect_args": {"connect_timeout": CONNECT_S}}) as opened:
            yield opened
    except StoreError as error:
        raise StoreError(str(error).replace(url.password or "\0", "***")) from None


@contextmanager
def open_journal(path: Path) -> Iterator[Opened]:
    """The storage in a journal file.

    Raises:
        StoreError: Optuna cannot replay it.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import BaseJournalBackend

    class ReadOnlyBackend(BaseJournalBackend):
        """Optuna's own opens the file for appending, and takes a lock beside it."""

        def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
            return operations[log_number_from:]

        def append_logs(self, logs: list[dict[str, Any]]) -> None:  # noqa: ARG002 - the signature is Optuna's
            raise io.UnsupportedOperation("a journal that is imported is only read")

    operations, damage = _operations(path)
    try:
        yield Opened(JournalStorage(ReadOnlyBackend()), damage, keeps_utc=True)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise StoreError(f"Optuna cannot replay the journal: {type(error).__name__} {error}") from error


def _operations(path: Path) -> tuple[list[dict[str, Any]], str | None]:
    """The operations up to the first damaged line: those behind it count trials that it may have created."""
    operations: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                operation = _operation(line)
                if operation is None:
                    n_behind = sum(1 for _ in file)
                    return operations, _damage(number, n_behind, is_cut=not line.endswith(b"\n"))
                operations.append(operation)
    except OSError as error:
        raise StoreError(f"the journal cannot be read: {error.strerror}") from error
    return operations, None


def _operation(line: bytes) -> dict[str, Any] | None:
    try:
        operation = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return operation if isinstance(operation, dict) and isinstance(operation.get("op_code"), int) else None


def _damage(number: int, n_behind: int, *, is_cut: bool) -> str:
    if is_cut and not n_behind:
        return f"line {number} breaks off: it is being written, or its writer was killed; it was not taken"
    return f"line {number} is damaged: it and the {n_behind} lines behind it, which build on it, were not taken"


@contextmanager
def _open_rdb(url: str, engine_kwargs: dict[str, Any]) -> Iterator[Opened]:
    import sqlalchemy
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage

    try:
        engine = sqlalchemy.create_engine(url, **engine_kwargs)
        missing = _TABLES - set(sqlalchemy.inspect(engine).get_table_names())
        engine.dispose()
        if missing:
            # Optuna would create them.
            raise StoreError(f"it lacks the tables {', '.join(sorted(missing))}: Optuna (from 0.12 on) did not make it")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the heartbeat is called experimental
            storage = RDBStorage(
                url,
                engine_kwargs=engine_kwargs,
                skip_table_creation=True,
                heartbeat_interval=STALE_S,
                grace_period=STALE_S,
            )
        try:
            yield Opened(storage, stale=_stale(storage))
        finally:
            storage.scoped_session.remove()
            storage.engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, sqlite3.Error, ImportError, KeyError) as error:
        raise StoreError(f"Optuna cannot read it: {_first_line(error)}") from error
    except RuntimeError as error:  # the schema of another version; Optuna's sentence says which command upgrades it
        raise StoreError(f"Ucurve changes no foreign database: {_first_line(error)}") from error


def _stale(storage: RDBStorage) -> frozenset[int] | None:
    """Running trials whose heartbeats stopped; None where there are no heartbeats at all."""
    from sqlalchemy import text

    with storage.engine.connect() as connection:
        if not connection.execute(text("SELECT count(*) FROM trial_heartbeats")).scalar():
            return None
    studies = storage.get_all_studies()
    return frozenset(trial for study in studies for trial in storage._get_stale_trial_ids(study._study_id))


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
