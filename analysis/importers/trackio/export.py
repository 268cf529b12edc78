"""Runs of Trackio's Parquet exports.

Either `PROJECT.parquet` beside `PROJECT_configs.parquet`, or `metrics.parquet` above `aux/configs.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.importers.source import Progress
from analysis.importers.trackio.types import StoredRow, StoredRun

_OWN: Final = frozenset({"id", "timestamp", "run_id", "run_name", "step", "log_id", "space_id", "created_at"})
_COLUMNS: Final = frozenset({"run_name", "step", "timestamp", "id"})
_BATCH: Final = 1000


def is_trackio_export(path: Path) -> bool:
    """Whether a file is an export of metrics that are not in a database beside it."""
    if path.with_suffix(".db").exists():
        return False
    try:
        names = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False
    return names >= _COLUMNS and path.parent.name != "aux" and not path.stem.endswith("_system")


def files_of_export(path: Path) -> tuple[Path, ...]:
    """The export and its configs."""
    configs = (path.with_name(f"{path.stem}_configs.parquet"), path.parent / "aux" / "configs.parquet")
    return (path, *(file for file in configs if file.exists()))


def read_export(path: Path, progress: Progress) -> Iterator[StoredRun]:
    """The runs, in the order in which they were first stored.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowException: it is damaged.
        UnicodeDecodeError: a text in it is none.
    """
    configs = {_key(row): _without_nulls(row) for file in files_of_export(path)[1:] for row in _rows(file)}
    runs: dict[str, StoredRun] = {}
    for number, row in enumerate(_rows(path), start=1):
        key, run_id = _key(row), row.get("run_id")
        if key not in runs:
            name, config = str(row["run_name"]), configs.get(key, {})
            runs[key] = StoredRun(None if run_id is None else str(run_id), name, config)
        run = runs[key]
        run.rows.append(StoredRow(number, row["timestamp"], row["step"], _without_nulls(row)))
        run.n_expected += 1
        if number % _BATCH == 0:
            progress(number)
    for run in runs.values():
        run.notes.append("an export has no word on metrics that were logged as null")
        yield run


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def _key(row: Mapping[str, object]) -> str:
    return str(row.get("run_id") or row.get("run_name"))


def _without_nulls(row: Mapping[str, object]) -> dict[str, object]:
    """What was logged: a column that a row lacks is null."""
    return {name: value for name, value in row.items() if value is not None and name not in _OWN}
