"""Rows of Python values -> Arrow tables, checked column by column against the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Final

import pyarrow as pa

from analysis.errors import SchemaError
from analysis.store.checks import WrongValueError, converted
from analysis.store.schema import TABLES, Column, arrow_schema

Row = Mapping[str, object]

_SHOWN: Final = 80
"""Characters of a wrong value that a message shows."""


def to_arrow(table: str, columns: tuple[Column, ...], rows: Sequence[Row]) -> pa.Table:
    """Arrow table of `rows`, one row each, missing keys as null.

    Args:
        table: name of the table, for messages.
        columns: the table's columns.
        rows: keys are column names.

    Raises:
        SchemaError: an unknown column, a missing required value or a value of the wrong type; names the column, the
            value and the run.
    """
    known = {column.name for column in columns}
    for row in rows:
        _check_names(table, known, row)
    schema = arrow_schema(columns)
    arrays = [pa.array(_values(table, column, rows), type=schema.field(column.name).type) for column in columns]
    return pa.Table.from_arrays(arrays, schema=schema)


def check_given(table: str, row: Row) -> None:
    """Checks the values that `row` has, whatever it lacks: for rows that are completed later.

    Raises:
        SchemaError: as `to_arrow`.
    """
    columns = {column.name: column for column in TABLES[table]}
    _check_names(table, columns.keys(), row)
    for name in row:
        _values(table, columns[name], [row])


def _check_names(table: str, known: Set[str], row: Row) -> None:
    if row.keys() <= known:
        return
    unknown = sorted(str(key) for key in row.keys() - known)[0]
    raise unknown_column(table, known, unknown, row.get(unknown), row.get("run_id"))


def _values(table: str, column: Column, rows: Sequence[Row]) -> list[object]:
    values: list[object] = []
    try:
        for row in rows:
            value = row.get(column.name)
            values.append(None if value is None and not column.required else converted(column, value))
    except WrongValueError as problem:
        row = rows[len(values)]
        raise complaint(table, column.name, str(problem), row.get(column.name), row.get("run_id")) from problem
    return values


def complaint(table: str, column: str, problem: str, value: object, run_id: object) -> SchemaError:
    """What is said of a value that does not fit its column."""
    return SchemaError(f"column {column} of table {table} {problem}, got {_short(value)} (run {run_id!r})")


def unknown_column(table: str, known: Set[str], name: object, value: object, run_id: object) -> SchemaError:
    """What is said of a column that the table does not have."""
    return SchemaError(
        f"table {table} has no column {name!r} (value {_short(value)}, run {run_id!r}); "
        f"it has: {', '.join(sorted(known))}"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
