"""Does one value fit its column? Converters by type, rules by column, both driven by the schema."""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from analysis.store.identity import ID_PATTERN
from analysis.store.schema import ANNOTATION_KINDS, STATUSES, SUBJECT_KINDS, VERDICTS, Column, ColumnType, Rule

_INT64: Final = range(-(2**63), 2**63)
_LABEL_LENGTH: Final = 200
"""Longest metric or benchmark name; our choice: it must still fit on an axis or in a link."""


class WrongValueError(ValueError):
    """A value does not fit its column; the text says what the column wants."""


def converted(column: Column, value: object) -> object:
    """`value` as the plain Python value to be stored; None stays None where the column allows it.

    Raises:
        WrongValueError: the value does not fit.
    """
    if value is None:
        if column.required:
            raise WrongValueError("needs a value")
        return None
    plain = _CONVERTERS[column.type](value)
    if column.rule is not None:
        _RULES[column.rule](plain)
    return plain


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError("must be text")
    try:
        value.encode()  # a lone surrogate would break every reader later
    except UnicodeEncodeError:
        raise WrongValueError("must be valid Unicode") from None
    return value


def _integer(value: object) -> int:
    if type(value) is not int and (isinstance(value, bool) or not isinstance(value, numbers.Integral)):
        raise WrongValueError("must be a whole number")
    if int(value) not in _INT64:
        raise WrongValueError("must fit in 64 bits")
    return int(value)


def _number(value: object) -> float:
    if type(value) is float:  # the usual case, told fast
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise WrongValueError("must be a number")
    try:
        return float(value)
    except OverflowError:
        raise WrongValueError("must fit in a 64-bit float") from None


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError("must be true or false")
    return value


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise WrongValueError("must be a date and time with a time zone")
    return value.astimezone(UTC)


def _texts(value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise WrongValueError("must be a list of texts")
    return [_text(item) for item in value]


_CONVERTERS: Final[Mapping[ColumnType, Callable[[object], object]]] = {
    "string": _text,
    "int64": _integer,
    "float64": _number,
    "bool": _truth,
    "timestamp": _moment,
    "list<string>": _texts,
}


def _check_id(value: object) -> None:
    if not re.fullmatch(ID_PATTERN, str(value)):
        raise WrongValueError(f"must match {ID_PATTERN}")


def _one_of(known: frozenset[str]) -> Callable[[object], None]:
    def check(value: object) -> None:
        if value not in known:
            raise WrongValueError(f"must be one of {', '.join(sorted(known))}")

    return check


def _check_json(value: object) -> None:
    try:
        parsed = json.loads(str(value), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise WrongValueError("must be one JSON object without NaN or Infinity; use canonical_json()") from None
    if not isinstance(parsed, dict):
        raise WrongValueError("must be one JSON object")


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _check_count(value: object) -> None:
    if isinstance(value, int) and value < 0:
        raise WrongValueError("must be 0 or more")


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongValueError("must be finite")


def _check_label(value: object) -> None:
    if not 0 < len(str(value)) <= _LABEL_LENGTH:
        raise WrongValueError(f"must have 1 to {_LABEL_LENGTH} characters")


_RULES: Final[Mapping[Rule, Callable[[object], None]]] = {
    "id": _check_id,
    "status": _one_of(STATUSES),
    "verdict": _one_of(VERDICTS),
    "subject": _one_of(SUBJECT_KINDS),
    "annotation": _one_of(ANNOTATION_KINDS),
    "json": _check_json,
    "count": _check_count,
    "finite": _check_finite,
    "label": _check_label,
}
