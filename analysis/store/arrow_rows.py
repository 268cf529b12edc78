"""Arrow tables that come in as they are: checked against the schema without looking at single rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.store.checks import WrongValueError, converted
from analysis.store.rows import complaint, unknown_column
from analysis.store.schema import Column, arrow_schema

_FITS: Final = {
    "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind),
    "int64": pa.types.is_integer,
    "float64": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
}
_WANTED: Final = {"string": "must be text", "int64": "must be a whole number", "float64": "must be a number"}


def checked_table(table: str, columns: tuple[Column, ...], rows: pa.Table) -> pa.Table:
    """`rows` with the table's columns in their order; what fits already is not copied, and dictionaries stay.

    Args:
        table: name of the table, for messages.
        columns: the table's columns: texts, integers and floats only.
        rows: with some of these columns; those that are not there are null.

    Raises:
        SchemaError: as `rows.to_arrow`.
    """
    known = {column.name for column in columns}
    for name in rows.column_names:
        if name not in known or rows.column_names.count(name) > 1:
            raise unknown_column(table, known, name, _at(rows.column(name), 0), _run_at(rows, 0))
    arrays = [_checked(table, column, rows) for column in columns]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def _checked(table: str, column: Column, rows: pa.Table) -> pa.ChunkedArray:
    target = arrow_schema((column,)).field(0).type
    given = rows.column(column.name) if column.name in rows.column_names else pa.chunked_array([pa.nulls(len(rows))])
    try:
        array = _as_type(column, given, target)
    except (pa.ArrowInvalid, WrongValueError) as problem:
        said = str(problem) if isinstance(problem, WrongValueError) else _misfit(column)
        raise complaint(table, column.name, said, _at(given, 0), _run_at(rows, 0)) from problem
    for value in _suspects(column, array):
        try:
            converted(column, value)
        except WrongValueError as problem:
            raise complaint(table, column.name, str(problem), value, _run_at(rows, _first(array, value))) from problem
    return array


def _as_type(column: Column, given: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """The column in its type; text may stay a dictionary, which is a fraction of the size."""
    kind = given.type.value_type if pa.types.is_dictionary(given.type) else given.type
    if not pa.types.is_null(kind) and not _FITS[column.type](kind):
        raise WrongValueError(_WANTED[column.type])
    if column.type == "string" and _is_plain_dictionary(given):
        target = pa.dictionary(pa.int32(), pa.string())
    array = given if given.type == target else given.cast(target, safe=column.type == "int64")
    if column.type == "string":
        array.validate(full=True)
    return array


def _is_plain_dictionary(array: pa.ChunkedArray) -> bool:
    """Whether it is a dictionary without null among its values: such nulls are not counted."""
    return pa.types.is_dictionary(array.type) and not any(chunk.dictionary.null_count for chunk in array.chunks)


def _suspects(column: Column, array: pa.ChunkedArray) -> Iterable[object]:
    """A few values of the column which, if they fit, show that all fit."""
    if array.null_count:
        yield None
    if column.type == "string" and column.rule is not None:
        yield from pc.unique(array).to_pylist()
    elif column.type == "int64" and len(array) > array.null_count:
        yield pc.min(array).as_py()
    elif column.rule == "finite":
        yield from array.filter(pc.invert(pc.is_finite(array))).slice(0, 1).to_pylist()


def _first(array: pa.ChunkedArray, value: object) -> int:
    found = pc.is_null(array) if value is None else pc.equal(array, value)
    row: int = pc.index(found, True).as_py()
    return row


def _misfit(column: Column) -> str:
    return "must be valid Unicode" if column.type == "string" else "must fit in 64 bits"


def _at(array: pa.ChunkedArray, row: int) -> object:
    try:
        return array[row].as_py() if 0 <= row < len(array) else None
    except UnicodeDecodeError:
        return array[row].as_buffer().to_pybytes()


def _run_at(rows: pa.Table, row: int) -> object:
    return _at(rows.column("run_id"), row) if "run_id" in rows.column_names else None
