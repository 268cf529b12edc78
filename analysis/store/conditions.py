"""One filter condition as a value; its text form reads back to the same value, so a link can carry it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]
Scalar = str | int | float | bool | datetime | None

OPERATORS: Final[tuple[Operator, ...]] = ("<=", ">=", "!=", "=", "<", ">", "~")
"""Longest first, so that `<=` is not read as `<`."""

_BARE_COLUMN: Final = re.compile(r"[^\s=!<>~\"]+")
_BARE_VALUE: Final = re.compile(r"[^\s,=\"][^,\"]*(?<!\s)")


@dataclass(frozen=True, slots=True)
class Condition:
    """`column op value`; a tuple of values means any of them (with `=`) or none of them (with `!=`)."""

    column: str
    op: Operator
    value: Scalar | tuple[Scalar, ...]

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The value or values, always as a tuple."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    def __str__(self) -> str:
        column = self.column if _BARE_COLUMN.fullmatch(self.column) else quoted(self.column)
        return f"{column}{self.op}{','.join(format_value(value) for value in self.values)}"


def format_value(value: Scalar) -> str:
    """Text of one value: bare where nothing can be mistaken, else in JSON quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    return value if _BARE_VALUE.fullmatch(value) and not guessed_type(value) else quoted(value)


def quoted(text: str) -> str:
    """`text` as a JSON string."""
    return json.dumps(text, ensure_ascii=False)


def guessed_type(text: str) -> bool:
    """Whether bare `text` would be read as something else than text: a number, true, false or null."""
    if text in {"true", "false", "null"}:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
