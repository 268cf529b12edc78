"""Rows of Python values -> Arrow tables, checked column by column against the schema."""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from analysis.errors import SchemaError
from analysis.store.identity import ID_PATTERN
from analysis.store.schema import STATUSES, Column, arrow_schema

_INT64: Final = range(-(2**63), 2**63)
_NAME_LENGTH: Final = 200
"""Longest metric or benchmark name; our choice: it must still fit on an axis or in a link."""


def to_arrow(table: str, columns: tuple[Column, ...], rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Arrow table of `rows`, one row each, missing keys as null.

    Args:
        table: name of the table, for messages.
        columns: the table's columns.
        rows: keys are column names.

    Raises:
        SchemaError: an unknown column, a missing required value or a value of the wrong type; names the column, the
            value and the run.
    """
    _check_names(table, columns, rows)
    arrays = [_to_array(table, column, rows) for column in columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


def _check_names(table: str, columns: tuple[Column, ...], rows: Sequence[Mapping[str, object]]) -> None:
    known = {column.name for column in columns}
    for row in rows:
        if not row.keys() <= known:
            unknown = sorted(str(key) for key in row.keys() - known)
            raise SchemaError(
                f"table {table} has no column {unknown[0]!r} (value {row[unknown[0]]!r}, run {row.get('run_id')!r}); "
                f"it has: {', '.join(sorted(known))}"
            )


def _to_array(table: str, column: Column, rows: Sequence[Mapping[str, object]]) -> pa.Array:
    values = [row.get(column.name) for row in rows]
    try:
        checked = [None if value is None and not column.required else _checked(column, value) for value in values]
        return pa.array(checked, type=arrow_schema((column,)).field(0).type)
    except (_WrongValueError, UnicodeEncodeError) as problem:
        row, value = _culprit(column, rows)
        raise SchemaError(
            f"column {column.name} of table {table} {problem}, got {_short(value)} (run {row.get('run_id')!r})"
        ) from problem


def _culprit(column: Column, rows: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], object]:
    """The first row that does not convert, for the message only."""
    for row in rows:
        value = row.get(column.name)
        try:
            if value is not None or column.required:
                pa.array([_checked(column, value)], type=arrow_schema((column,)).field(0).type)
        except (_WrongValueError, UnicodeEncodeError):
            return row, value
    return {}, None


class _WrongValueError(ValueError):
    """A value does not fit its column; the text says what the column wants."""


def _checked(column: Column, value: object) -> object:
    """`value` as the plain Python value to be stored."""
    if value is None:
        raise _WrongValueError("needs a value")
    plain = _CONVERTERS[column.type](value)
    rule = _RULES.get(column.name)
    if rule is not None:
        rule(plain)
    return plain


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongValueError("must be text")
    value.encode()  # lone surrogates would break every reader later
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise _WrongValueError("must be a whole number")
    if int(value) not in _INT64:
        raise _WrongValueError("must fit in 64 bits")
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise _WrongValueError("must be a number")
    try:
        return float(value)
    except OverflowError:
        raise _WrongValueError("must fit in a 64-bit float") from None


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongValueError("must be true or false")
    return value


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _WrongValueError("must be a date and time with a time zone")
    return value.astimezone(UTC)


def _texts(value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _WrongValueError("must be a list of texts")
    return [_text(item) for item in value]


_CONVERTERS: Final[Mapping[str, Callable[[object], object]]] = {
    "string": _text,
    "int64": _integer,
    "float64": _number,
    "bool": _truth,
    "timestamp": _moment,
    "list<string>": _texts,
}


def _identity_rule(value: object) -> None:
    if not re.fullmatch(ID_PATTERN, str(value)):
        raise _WrongValueError(f"must match {ID_PATTERN}")


def _status_rule(value: object) -> None:
    if value not in STATUSES:
        raise _WrongValueError(f"must be one of {', '.join(sorted(STATUSES))}")


def _json_rule(value: object) -> None:
    try:
        parsed = json.loads(str(value), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _WrongValueError("must be one JSON object without NaN or Infinity; use canonical_json()") from None
    if not isinstance(parsed, dict):
        raise _WrongValueError("must be one JSON object")


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _count_rule(value: object) -> None:
    if isinstance(value, int) and value < 0:
        raise _WrongValueError("must be 0 or more")


def _finite_rule(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise _WrongValueError("must be finite")


def _label_rule(value: object) -> None:
    text = str(value)
    if not text or len(text) > _NAME_LENGTH:
        raise _WrongValueError(f"must have 1 to {_NAME_LENGTH} characters")


_RULES: Final[Mapping[str, Callable[[object], None]]] = {
    **dict.fromkeys(("run_id", "sweep_id", "parent_run_id"), _identity_rule),
    **dict.fromkeys(("config_json", "provenance_json"), _json_rule),
    **dict.fromkeys(("attempt", "step", "tokens_seen", "n_items"), _count_rule),
    **dict.fromkeys(("name", "benchmark", "metric"), _label_rule),
    **dict.fromkeys(("learning_rate", "wall_time"), _finite_rule),
    "status": _status_rule,
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
