"""The runs in MLflow's SQLite database, read with SQL.

MLflow's own client creates tables and asks for migrations when it opens a database.
Source: mlflow 3.17, `store/tracking/dbmodels/models.py`.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from analysis.importers import sqlite_file
from analysis.importers.mlflow.record import Dataset, Point, RunRecord

_TABLES: Final = frozenset({"experiments", "runs", "metrics", "params", "tags", "alembic_version"})
_DATASETS: Final = frozenset({"datasets", "inputs", "input_tags"})
_CONTEXT: Final = "mlflow.data.context"


def is_database(path: Path) -> bool:
    """Whether a file is a SQLite database with MLflow's tables."""
    return sqlite_file.table_names(path) >= _TABLES


def run_records(connection: sqlite3.Connection) -> Iterator[RunRecord]:
    """All runs, deleted ones too, in the order in which they were made."""
    names = {row[0]: row[1] for row in _rows(connection, "SELECT experiment_id, name FROM experiments")}
    deleted = {
        row[0] for row in _rows(connection, "SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'deleted'")
    }
    datasets = _datasets(connection)
    cursor = connection.execute("SELECT * FROM runs ORDER BY start_time, run_uuid")
    columns = [column[0] for column in cursor.description]
    for values in cursor.fetchall():
        row = dict(zip(columns, values, strict=True))
        run_id = str(row["run_uuid"])
        yield RunRecord(
            run_id=run_id,
            experiment=str(names.get(row["experiment_id"], row["experiment_id"])),
            status=str(row["status"]),
            name=row.get("name") or None,
            start_time=row["start_time"],
            end_time=row["end_time"],
            is_deleted=row.get("lifecycle_stage") == "deleted" or row["experiment_id"] in deleted,
            params=_pairs(connection, "params", run_id),
            tags=_pairs(connection, "tags", run_id),
            datasets=tuple(datasets.get(run_id, ())),
        )


def points(connection: sqlite3.Connection, run_id: str) -> Iterator[Point]:
    """All values of a run, in the order in which they were stored; NaN stands in a column of its own."""
    query = "SELECT key, timestamp, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY rowid"
    for key, timestamp, step, value, is_nan in connection.execute(query, (run_id,)):
        yield Point(key, timestamp, step, math.nan if is_nan else value)


def _rows(connection: sqlite3.Connection, query: str, *values: str) -> list[tuple[object, ...]]:
    return connection.execute(query, values).fetchall()


def _pairs(connection: sqlite3.Connection, table: str, run_id: str) -> dict[str, str]:
    query = f"SELECT key, value FROM {table} WHERE run_uuid = ? ORDER BY key"  # noqa: S608 (a constant of this file)
    return {str(key): str(value) for key, value in _rows(connection, query, run_id)}


def _datasets(connection: sqlite3.Connection) -> dict[str, list[Dataset]]:
    """Run id -> its datasets; versions before 2.4 have none."""
    tables = {row[0] for row in _rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    found: dict[str, list[Dataset]] = defaultdict(list)
    if tables >= _DATASETS:
        query = (
            "SELECT inputs.destination_id, datasets.name, datasets.digest, input_tags.value FROM inputs "
            "JOIN datasets ON inputs.source_id = datasets.dataset_uuid "
            "LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid AND input_tags.name = ? "
            "WHERE inputs.destination_type = 'RUN' ORDER BY datasets.name, datasets.digest"
        )
        for run_id, name, digest, context in _rows(connection, query, _CONTEXT):
            data = Dataset(name=str(name), digest=str(digest), context=None if context is None else str(context))
            found[str(run_id)].append(data)
    return found
