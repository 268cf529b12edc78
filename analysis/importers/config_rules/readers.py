"""What a logged value means for a column: numbers written as text are numbers, `None` is nothing, the rest is said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from analysis.importers.config_rules.rules import Reads
from analysis.importers.table.cells import CellError, is_missing_word, to_number, to_whole
from analysis.store.schema import Column

_QUOTED: Final = re.compile(r"['\"]([^'\"]+)['\"]")
_PLAIN_LIST: Final = re.compile(r"[\w.\- ]+(,[\w.\- ]+)*")
_ENUM: Final = re.compile(r"[A-Z][A-Za-z]*\.([A-Z][A-Z0-9_]*)")
_DECORATION: Final = re.compile(r"^get_|_(schedule|scheduler)(_with_warmup)?$")
_DATA_NAMES: Final = ("path", "name", "dataset_name", "dataset", "source", "id", "_component_", "data_files")
_MOST_BITS: Final = 64
_NO_ADAPTER: Final = frozenset({"full", "none", "false"})


class NotStatedError(ValueError):
    """A value that says nothing for this column, as a mapping says nothing for a name."""


def read_value(reads: Reads, value: object) -> object:
    """The value for a column, or None where it says "nothing".

    Raises:
        CellError: it is of the wrong kind; the text says what it must be.
        NotStatedError: it does not state this at all.
    """
    if value is None or (isinstance(value, str) and (not value.strip() or is_missing_word(value.strip()))):
        return None
    return _READERS[reads](value)


def reads_of(column: Column) -> Reads:
    """How the values of a column without a rule of its own look like."""
    kinds: dict[str, Reads] = {"int64": "whole", "float64": "number", "list<string>": "modules"}
    return kinds.get(column.type, "text")


def _number(value: object) -> float | int | None:
    _check_scalar(value, "must be a number")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise CellError("must fit in 64 bits")
    number = to_number(value.strip() if isinstance(value, str) else value)  # type: ignore[arg-type]
    if number is not None and not _is_finite(number):
        raise CellError("must be a finite number")
    return number


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _whole(value: object) -> int | None:
    number = _number(value)
    return to_whole(number)


def _text(value: object) -> str:
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        raise NotStatedError
    _check_scalar(value, "must be text")
    return str(value).strip()


def _choice(value: object) -> str:
    """A word of a list of choices: the last part of a class's path, in small letters."""
    text = _text(value)
    enum = _ENUM.fullmatch(text)
    last = enum[1] if enum else text.rsplit(".", 1)[-1] if re.fullmatch(r"[\w.]+", text) else text
    return _DECORATION.sub("", last.lower())


def _adapter(value: object) -> str:
    if isinstance(value, bool):
        raise NotStatedError
    word = _choice(value)
    return "full" if word in _NO_ADAPTER else word


def _modules(value: object) -> list[str]:
    """Names of layers, sorted: a set is logged in another order each time."""
    if isinstance(value, str):
        return sorted(set(_modules_in_text(value.strip())))
    if isinstance(value, Sequence | set | frozenset) and all(isinstance(item, str) for item in value):
        return sorted(set(value))
    raise CellError("must be a list of names")


def _modules_in_text(text: str) -> list[str]:
    if text[:1] in "[{(" and (quoted := _QUOTED.findall(text)):
        return list(quoted)
    if _PLAIN_LIST.fullmatch(text):
        return [name.strip() for name in text.split(",") if name.strip()]
    return [text]  # a pattern


def _data(value: object) -> str:
    """Names of data sets: a text, a list of them, mappings that name one each, or one of names and their shares."""
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return ", ".join(_data_name(item) for item in value)
    if isinstance(value, Mapping) and value and all(map(_is_share, value.values())):
        return ", ".join(map(str, value))
    return _data_name(value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _data_name(value: object) -> str:
    if not isinstance(value, Mapping):
        return _text(value)
    named = [value[key] for key in _DATA_NAMES if isinstance(value.get(key), str)]
    if named:
        return str(named[0])
    raise NotStatedError


def _check_scalar(value: object, message: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise CellError(message)


_READERS: Final[Mapping[Reads, Callable[[object], object]]] = MappingProxyType(
    {
        "number": _number,
        "whole": _whole,
        "text": _text,
        "choice": _choice,
        "modules": _modules,
        "data": _data,
        "adapter": _adapter,
    }
)
