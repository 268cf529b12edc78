"""Parquet, batch by batch; groups of columns become columns with dotted names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.importers.table.cells import plain
from analysis.importers.table.types import MAX_CELLS, TableRows, UnreadableTableError, check_headers

_BATCH_ROWS: Final = 10_000


def read_parquet(path: Path) -> tuple[list[str], TableRows]:
    """Returns headers and rows; a row's number stands for its line.

    Raises:
        UnreadableTableError: it is no Parquet file, is damaged, or claims to be too large.
    """
    found = TableRows()
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows * file.metadata.num_columns > MAX_CELLS:
                raise UnreadableTableError(f"it has more than {MAX_CELLS:,} cells; split it into several files")
            headers = _headers(_flat(pa.Table.from_batches([], schema=file.schema_arrow)))
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                columns = [column.to_pylist() for column in _flat(pa.Table.from_batches([batch])).columns]
                for cells in zip(*columns, strict=True):
                    found.add(len(found.lines) + 1, [plain(cell) for cell in cells])
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise UnreadableTableError(f"it is no readable Parquet file ({str(error).splitlines()[0][:200]})") from error
    return headers, found


def _flat(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _headers(table: pa.Table) -> list[str]:
    headers = [name.strip() or f"column {number}" for number, name in enumerate(table.schema.names, start=1)]
    if not headers:
        raise UnreadableTableError("it has no columns")
    check_headers(headers)
    return headers
