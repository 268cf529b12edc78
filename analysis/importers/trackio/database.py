"""Runs of a Trackio database, of any version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from analysis.importers.source import Progress
from analysis.importers.sqlite_file import open_read_only, table_names
from analysis.importers.trackio.decode import decode
from analysis.importers.trackio.types import StoredRow, StoredRun

_TABLES: Final = frozenset({"metrics", "configs"})
_COLUMNS: Final = frozenset({"run_name", "step", "metrics", "timestamp"})
_BATCH: Final = 1000


def is_trackio_database(path: Path) -> bool:
    """Whether a file is a database with Trackio's tables."""
    if not table_names(path) >= _TABLES:
        return False
    try:
        with open_read_only(path) as connection:
            return _columns(connection, "metrics") >= _COLUMNS
    except (sqlite3.Error, OSError):
        return False


def read_database(path: Path, progress: Progress) -> Iterator[StoredRun]:
    """The runs, in the order in which they were first stored.

    Raises:
        OSError: the file cannot be read.
        sqlite3.Error: nothing in it can be read.
    """
    with open_read_only(path) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        for run_id, name in _runs(connection):
            yield _read_run(connection, run_id, name, progress)


def _runs(connection: sqlite3.Connection) -> list[tuple[str | None, str]]:
    """Id and name of each run; one that was renamed has its newest name."""
    found: dict[str, tuple[str | None, str]] = {}
    for table in ("configs", "metrics", "system_metrics"):
        columns = _columns(connection, table)
        if "run_name" not in columns:
            continue
        run_id = "run_id" if "run_id" in columns else "NULL"
        query = f"SELECT {run_id}, run_name, max(id) FROM {table} GROUP BY 1, 2 ORDER BY min(id)"  # noqa: S608 - our own names
        for key, name, _ in connection.execute(query):
            found[str(name) if key is None else str(key)] = (None if key is None else str(key), str(name))
    return list(found.values())


def _read_run(connection: sqlite3.Connection, run_id: str | None, name: str, progress: Progress) -> StoredRun:
    key = ("run_id", run_id) if run_id is not None else ("run_name", name)
    config, problem = _config(connection, key)
    run = StoredRun(run_id, name, config, config_problem=problem)
    try:
        run.n_expected = _count(connection, "metrics", key)
        run.n_system = _count(connection, "system_metrics", key)
        query = f"SELECT id, timestamp, step, metrics FROM metrics WHERE {key[0]} = ? ORDER BY id"  # noqa: S608
        for number, timestamp, step, stored in connection.execute(query, (key[1],)):
            run.rows.append(StoredRow(number, timestamp, step, decode(stored)))
            if len(run.rows) % _BATCH == 0:
                progress(len(run.rows))
    except sqlite3.Error as error:
        run.damage = f"the database is damaged ({error})"
    return run


def _config(connection: sqlite3.Connection, key: tuple[str, str | None]) -> tuple[dict[str, object], str | None]:
    """The config, and why there is none."""
    try:
        query = f"SELECT config FROM configs WHERE {key[0]} = ?"  # noqa: S608
        row = connection.execute(query, (key[1],)).fetchone()
    except sqlite3.Error as error:
        return {}, f"its config cannot be read ({error})"
    config = decode(row[0]) if row is not None else {}
    return (config, None) if config is not None else ({}, "its config is no JSON object")


def _count(connection: sqlite3.Connection, table: str, key: tuple[str, str | None]) -> int:
    if key[0] not in _columns(connection, table):
        return 0
    (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE {key[0]} = ?", (key[1],)).fetchone()  # noqa: S608
    return int(count)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
