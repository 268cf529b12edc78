"""Merging small data files into larger ones whose rows are sorted, so that a question reads the rows it is about.

Parquet keeps the lowest and highest value of every stretch of rows: in a file sorted by metric name a reader of one
metric skips the others, and a reader of a few runs skips the rest of that metric.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction, RemoveAction

if TYPE_CHECKING:
    from analysis.store.tables import DataFile

SORTED_BY: Final = {
    "metrics": ("name", "run_id", "attempt", "step"),
    "eval_items": ("benchmark", "metric", "run_id", "attempt", "step"),
}
"""Table -> the columns that its merged files are sorted by; other tables stay as they were written."""

_FILE_ROWS: Final = 1_000_000
"""Rows of a merged file, our choice: sorting that many takes about 300 MB of memory beside a training run."""
GROUP_ROWS: Final = 131_072
"""Rows of one stretch that a reader skips or reads as a whole, our choice: a few for each metric of a file."""


def plan_merges(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Groups of files to merge into one file each: small ones together, until a group is large enough.

    Files that are large enough are left alone, so that compacting often does not rewrite a large table.
    """
    group: list[DataFile] = []
    for file in files:
        if file.n_rows >= _FILE_ROWS:
            continue
        group.append(file)
        if sum(each.n_rows for each in group) >= _FILE_ROWS:
            yield group
            group = []
    if len(group) > 1:
        yield group


def write_merged(files: Sequence[DataFile], schema: pa.Schema, order: Sequence[str]) -> Path:
    """Writes the rows of all files, sorted, into a new file beside them, which no commit names yet.

    Args:
        files: What to merge.
        schema: Columns of the table; those that a file lacks are null.
        order: Columns to sort by, the most important first.

    Raises:
        OSError: a file cannot be read or written.
        pyarrow.ArrowException: a file is damaged.
    """
    import pyarrow.parquet as pq

    rows = pa.concat_tables([_as_schema(pq.ParquetFile(file.path).read(), schema) for file in files])
    target = files[0].path.parent / f"part-{uuid.uuid4()}.parquet"
    pq.write_table(sorted_rows(rows, order), target, row_group_size=GROUP_ROWS, compression="snappy")
    return target


def sorted_rows(rows: pa.Table, order: Sequence[str]) -> pa.Table:
    """The rows in order. Texts are sorted by their place among all different ones: few repeat many times."""
    keys = {name: _sortable(rows.column(name)) for name in order}
    return rows.take(pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in order]))


def is_full_file(rows: pa.Table) -> bool:
    """Whether these rows make a file that compaction would leave as it is, so that they have to be sorted before."""
    return len(rows) >= _FILE_ROWS


def merge_actions(merged: Path, files: Sequence[DataFile]) -> list[AddAction | RemoveAction]:
    """What to commit so that `merged` takes the place of `files`; says that no row has changed."""
    now_ms = time.time_ns() // 1_000_000
    stats = json.dumps({"numRecords": sum(file.n_rows for file in files)})
    added = AddAction(merged.name, merged.stat().st_size, {}, now_ms, False, stats)
    removed = [
        RemoveAction(file.path.name, data_change=False, deletion_timestamp=now_ms, size=file.size_bytes)
        for file in files
    ]
    return [added, *removed]


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return column
    different = pc.unique(column).cast(pa.string()).sort()
    return pc.index_in(column, value_set=different)


def _as_schema(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        rows.column(field.name).cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
