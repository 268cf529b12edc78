"""What one cell means: a number, a truth, a time, a text, or a value to be kept as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from analysis.importers.table.types import Cell
from analysis.store.schema import ColumnType

_NUMBER: Final = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?")
_NON_FINITE: Final = MappingProxyType(
    {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf}
    | {"infinity": math.inf, "+infinity": math.inf, "-infinity": -math.inf}
)
MISSING_WORDS: Final = frozenset({"na", "n/a", "null", "none", "-", "–", "—"})
"""Words that mean "no value" in a column of numbers; in a column of texts they are texts."""
_TRUTHS: Final = MappingProxyType({"true": True, "false": False})
_MOST_DIGITS: Final = 18
"""A longer whole number is an identifier, and would not fit into 64 bits."""
_LIST_SEPARATORS: Final = re.compile(r"[|,;\s]+")
_SHOWN: Final = 80


class CellError(ValueError):
    """A cell does not mean what its column needs; the text says what it must be."""


def shown(cell: object) -> str:
    """The cell as a message quotes it."""
    text = cell if isinstance(cell, str) else repr(cell)
    text = "".join(character if character.isprintable() else "�" for character in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def is_blank(cell: Cell) -> bool:
    """Whether nothing was written down."""
    return cell is None or (isinstance(cell, str) and not cell)


def number_in(cell: Cell) -> int | float | None:
    """The finite number that a cell states, or None. Text with a leading zero (007) is a label, not a number."""
    if isinstance(cell, str):
        return _number_in_text(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        return cell if math.isfinite(cell) else None
    except OverflowError:  # JSON has whole numbers of any length
        return None


def _number_in_text(cell: str) -> int | float | None:
    found = _NUMBER.fullmatch(cell)
    if found is None:
        return None
    if not any(found.groups()):
        return int(cell) if len(cell) <= _MOST_DIGITS else None
    value = float(cell)
    return value if math.isfinite(value) else None


def is_missing_word(cell: Cell) -> bool:
    """Whether a text stands for "no value" beside numbers."""
    return isinstance(cell, str) and cell.lower() in MISSING_WORDS


def non_finite_in(cell: Cell) -> float | None:
    """NaN or an infinity that a cell states, else None."""
    if isinstance(cell, float):
        return None if math.isfinite(cell) else cell
    return _NON_FINITE.get(cell.lower()) if isinstance(cell, str) else None


def to_number(cell: Cell) -> int | float | None:
    """A number, NaN and infinities included; None where the cell is blank or says that there is none.

    Raises:
        CellError: it is something else.
    """
    number = number_in(cell)
    if number is not None:
        return number
    if is_blank(cell) or is_missing_word(cell):
        return None
    number = non_finite_in(cell)
    if number is None:
        raise CellError("must be a number of at most 308 digits" if isinstance(cell, int) else "must be a number")
    return number


def to_whole(cell: Cell) -> int | None:
    """A whole number; 8.0 is one.

    Raises:
        CellError: it is something else.
    """
    number = to_number(cell)
    if number is None or isinstance(number, int):
        return number
    if not number.is_integer():
        raise CellError("must be a whole number")
    return int(number)


def to_text(cell: Cell) -> str | None:
    """The text of a cell; 8.0 is written 8."""
    if is_blank(cell):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)


def to_texts(cell: Cell) -> list[str] | None:
    """Words of a cell: a list as it is, a text split at bars, commas, semicolons and blanks."""
    if is_blank(cell):
        return None
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return [str(item) for item in cell]
    return [word for word in _LIST_SEPARATORS.split(str(cell).strip("[]() ").replace("'", "")) if word]


def to_time(cell: Cell) -> datetime | None:
    """A moment: ISO text, or seconds (or milliseconds) since 1970; without a zone it is UTC.

    Raises:
        CellError: it is neither.
    """
    if is_blank(cell) or is_missing_word(cell):
        return None
    number = number_in(cell)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    except (ValueError, OverflowError, OSError):
        raise CellError("must be a date and time such as 2026-01-31T12:00:00") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


READERS: Final[Mapping[ColumnType, Callable[[Cell], object]]] = MappingProxyType(
    {
        "string": to_text,
        "int64": to_whole,
        "float64": to_number,
        "timestamp": to_time,
        "list<string>": to_texts,
    }
)
"""By the type of a field: what reads its cells."""


def kept_value(cell: Cell, *, among_numbers: bool) -> object:
    """A cell as it is kept in a configuration: numbers and truths as such, times as ISO text, blanks as None.

    Args:
        cell: The cell.
        among_numbers: Whether its column holds numbers, so that `NA` means blank and `NaN` is no text.
    """
    if is_blank(cell):
        return None
    if isinstance(cell, str):
        return _kept_text(cell, among_numbers=among_numbers)
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)  # JSON has neither NaN nor infinities
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, Sequence):
        return [kept_value(plain(item), among_numbers=False) for item in cell]
    return cell


def _kept_text(cell: str, *, among_numbers: bool) -> object:
    number = number_in(cell)
    if number is not None:
        return number
    if among_numbers and is_missing_word(cell):
        return None
    non_finite = non_finite_in(cell) if among_numbers else None
    return str(non_finite) if non_finite is not None else _TRUTHS.get(cell.lower(), cell)


def holds_numbers(cells: Sequence[Cell]) -> bool:
    """Whether a column is one of numbers: at least one, and nothing but numbers, NaN, infinities and blanks."""
    found = False
    for cell in distinct(cells):
        if number_in(cell) is not None:
            found = True
        elif not (is_blank(cell) or is_missing_word(cell) or non_finite_in(cell) is not None):
            return False
    return found


def distinct(cells: Iterable[Cell]) -> list[Cell]:
    """The different cells in their order; 1, 1.0 and True are three."""
    return list({(type(cell), str(cell)): cell for cell in cells}.values())


def plain(value: object) -> Cell:
    """A value from a typed file as a cell: decimals as floats, dates as times, bytes as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if value is None or isinstance(value, bool | int | float | datetime | list | tuple):
        return value
    return str(value)
