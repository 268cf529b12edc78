"""Values as YAML text that `parse_yaml` reads back to the same values, written as people write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from analysis.errors import ConfigError
from analysis.strict_yaml.document import parse_yaml

_WIDTH: Final = 100
"""What fits into this many characters stands on one line (our choice)."""
_PLAIN_EXPONENTS: Final = range(-2, 6)
"""Decimal exponents of numbers that are easier to read without an exponent: 0.05, 12000.5 (our choice)."""


def to_yaml(values: Mapping[str, object], *, depth: int = 0) -> str:
    """Returns a mapping as YAML, one line a key where it fits.

    Args:
        values: Keys and nested mappings, lists, texts, numbers, truth values and None.
        depth: Levels of indentation.
    """
    return "".join(_entry(str(key), value, depth) for key, value in values.items())


def number_text(number: float) -> str:
    """Returns a number as people in the field write it, without losing a digit.

    >>> number_text(0.00025), number_text(0.05), number_text(8), number_text(1e-8), number_text(16.0)
    ('2.5e-4', '0.05', '8', '1e-8', '16')
    """
    if isinstance(number, int):
        return str(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    shift = len(digits) - 1 + int(exponent)
    if number == 0 or shift in _PLAIN_EXPONENTS:
        return str(int(number)) if number.is_integer() else repr(number)
    mantissa = "".join(map(str, digits))
    return f"{'-' if sign else ''}{mantissa[0]}{'.' + mantissa[1:] if mantissa[1:] else ''}e{shift}"


def _entry(key: str, value: object, depth: int) -> str:
    start = f"{'  ' * depth}{_text(key)}:"
    line = f"{start} {_flow(value)}\n"
    if isinstance(value, Mapping) and value and ((depth == 0 and _is_nested(value)) or len(line) > _WIDTH):
        return f"{start}\n{to_yaml(value, depth=depth + 1)}"
    return line


def _is_nested(value: Mapping[str, object]) -> bool:
    """Whether a mapping reads better with a line for each key: more than two of them, or values of several parts."""
    return len(value) > 2 or any(isinstance(item, Mapping | list | tuple) for item in value.values())


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(str(key))}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_flow, value))}]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else _text(str(value))


def _text(text: str) -> str:
    """Returns text without quotes where it reads back as itself, also inside of a list."""
    if text.isascii() and text.isprintable() and _reads_back(text):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _reads_back(text: str) -> bool:
    try:
        return parse_yaml(f"[{text}, {{{text}: {text}}}]", "").value == [text, {text: text}]
    except ConfigError:
        return False


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    code = ord(character)
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
