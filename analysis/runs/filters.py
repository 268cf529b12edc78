"""The `--where` grammar: `column op value`, read into typed conditions. Nothing is ever evaluated.

`lora_rank<=16`, `model=a,b` (any of them), `status!=failed`, `name~demo` (contains, case ignored), `lora_rank=null`
(missing), `tag=good`, `starred=true`, `note~text` (annotations). Columns are those of the runs table or any key of the
runs' configuration; a column or value with unusual
characters stands in JSON quotes: `"smooth loss">"a,b"`. Columns in bytes or seconds take other units as well:
`peak_memory_bytes<10GiB`, `wall_s<=2h`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from analysis.errors import FilterError
from analysis.runs.units import read_amount
from analysis.store.conditions import OPERATORS, Condition, Operator, Scalar
from analysis.store.schema import FILTERABLE, Column, column_named

__all__ = ["Condition", "parse_condition", "parse_conditions"]

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_HEAD: Final = re.compile(rf"\s*(?P<column>{_QUOTED.pattern}|[^\s=!<>~\"]+)\s*(?P<op>{'|'.join(OPERATORS)})")
_VALUE: Final = re.compile(rf"\s*(?P<value>{_QUOTED.pattern}|[^,\"]*)\s*(?:(?P<more>,)|\Z)")
_EXAMPLE: Final = "write it like lora_rank<=16, model=a,b or name~demo"


def parse_conditions(texts: Iterable[str]) -> list[Condition]:
    """Conditions of several texts; all of them must hold.

    Raises:
        FilterError: as `parse_condition`.
    """
    return [parse_condition(text) for text in texts]


def parse_condition(text: str) -> Condition:
    """The condition that `text` states.

    Values of a runs column get that column's type; those of a configuration key become a number, true, false or null
    where they look like one, unless they stand in quotes. Whether a configuration key exists only a snapshot knows.

    Raises:
        FilterError: no operator, no value, a value of the wrong type, or an operator the column has no meaning for.

    >>> parse_condition("lora_rank<=16")
    Condition(column='lora_rank', op='<=', value=16)
    """
    head = _HEAD.match(text)
    if head is None:
        raise FilterError(f"cannot read the filter {text!r}; {_EXAMPLE}")
    name = _unquoted(head["column"], text)
    op: Operator = next(op for op in OPERATORS if op == head["op"])
    column = column_named(FILTERABLE, name)
    values = tuple(_typed(column, op, raw, text) for raw in _split_values(text, head.end()))
    _check_operator(column, op, values, text)
    return Condition(name, op, values if len(values) > 1 else values[0])


def _split_values(text: str, start: int) -> list[str]:
    values: list[str] = []
    while (part := _VALUE.match(text, start)) is not None:
        raw = part["value"].strip()
        if not raw:
            raise FilterError(f'the filter {text!r} lacks a value; use null for missing and "" for empty text')
        values.append(raw)
        if part["more"] is None:
            return values
        start = part.end()
    raise FilterError(f"cannot read the value in the filter {text!r}; put text with quotes or commas in JSON quotes")


def _unquoted(raw: str, text: str) -> str:
    if not raw.startswith('"'):
        return raw
    try:
        return str(json.loads(raw, strict=False))
    except ValueError as problem:
        raise FilterError(f"the quoted text {raw} in the filter {text!r} is not a JSON string: {problem}") from problem


def _typed(column: Column | None, op: Operator, raw: str, text: str) -> Scalar:
    if raw == "null":
        return None
    unquoted = _unquoted(raw, text)
    if column is None:
        return unquoted if raw.startswith('"') or op == "~" else _guess(unquoted)
    amount = read_amount(unquoted, column.unit)
    if amount is not None:
        return round(amount) if column.type == "int64" else amount
    try:
        return _READERS[column.type](unquoted)
    except (ValueError, OverflowError) as problem:
        raise FilterError(
            f"{column.name} is of type {column.type}, got {unquoted!r} in the filter {text!r}"
        ) from problem


def _guess(raw: str) -> Scalar:
    if raw in {"true", "false"}:
        return raw == "true"
    for read in (_read_integer, _read_number):
        try:
            return read(raw)
        except ValueError:
            continue
    return raw


def _read_integer(raw: str) -> int:
    value = int(raw)
    if value not in range(-(2**63), 2**63):
        raise ValueError("too large")
    return value


def _read_number(raw: str) -> float:
    value = float(raw)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _read_moment(raw: str) -> datetime:
    moment = datetime.fromisoformat(raw)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_truth(raw: str) -> bool:
    if raw not in {"true", "false"}:
        raise ValueError("not true or false")
    return raw == "true"


_READERS: Final[Mapping[str, Callable[[str], Scalar]]] = {
    "string": str,
    "int64": _read_integer,
    "float64": _read_number,
    "bool": _read_truth,
    "timestamp": _read_moment,
    "list<string>": str,
}


def _check_operator(column: Column | None, op: Operator, values: tuple[Scalar, ...], text: str) -> None:
    if len(values) > 1 and op not in {"=", "!="}:
        raise FilterError(f"the filter {text!r} compares with several values; only = and != can")
    if None in values and op not in {"=", "!="}:
        raise FilterError(f"the filter {text!r} compares with null; only = and != can")
    if column is None:
        return
    if op == "~" and column.type not in {"string", "list<string>"}:
        raise FilterError(f"{column.name} is of type {column.type}; ~ (contains) in {text!r} needs text")
    if op in {"<", "<=", ">", ">="} and column.type == "bool":
        raise FilterError(f"{column.name} is true or false; {text!r} can use = and != only")
    if op in {"<", "<=", ">", ">="} and column.type == "list<string>":
        raise FilterError(f"{column.name} is a list; {text!r} can use =, != and ~ only")
