"""JSON as W&B writes it: bare NaN and Infinity, integers of any size, and escapes of half a character."""

from __future__ import annotations

import json
import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one: no text can hold it
    r"|.)",
    re.DOTALL,
)


def replace_lone_surrogates(text: str) -> tuple[str, int]:
    """JSON text in which each escaped half character became U+FFFD, and how many there were.

    Python reads such an escape into a string that neither Arrow nor UTF-8 can hold.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return text, 0
    n_replaced = 0

    def _replace(match: re.Match[str]) -> str:
        nonlocal n_replaced
        if match[1] is None:
            return match[0]
        n_replaced += 1
        return "\\ufffd"

    return _ESCAPE.sub(_replace, text), n_replaced


def parse_json(text: str) -> object:
    """The value of a JSON text; NaN and infinities are floats, integers exact.

    Raises:
        ValueError: it is no JSON, nested too deeply, or has a number of thousands of digits.
    """
    try:
        value: object = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def same_in_doubles(one: str, other: str) -> bool:
    """Whether two JSON texts are equal once every number is a double and half characters are replaced."""
    return one == other or _in_doubles(one) == _in_doubles(other)


def _in_doubles(text: str) -> str:
    """A canonical text, so that NaN equals NaN."""
    try:
        value = json.loads(replace_lone_surrogates(text)[0], parse_int=float)
        return json.dumps(value, sort_keys=True)
    except (ValueError, RecursionError):
        return text
