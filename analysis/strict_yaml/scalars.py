"""What an unquoted word of YAML means: nothing, true or false, a number of YAML 1.2, or text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from analysis.strict_yaml.problems import KeyPath, Problem, cut

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

MAX_INT_DIGITS = 18  # everything within fits a signed 64-bit column of the store

_INT = re.compile(r"[-+]?[0-9]+")
_PREFIXED_INT = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Mapping[str, bool | None] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)


class Mistake(Exception):
    """Carries a problem out of the event loop."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def scalar_value(text: str, path: KeyPath, line: int, *, plain: bool) -> Value:
    """Returns the value of a scalar; quoted ones (not `plain`) are text whatever they look like.

    Raises:
        Mistake: a number that is not finite, too large or ambiguous, or text with lone surrogates.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Mistake(Problem(f"{text!a} holds half a character (a lone surrogate)", "remove it", path, line)) from None
    return _plain(text, path, line) if plain else text


def _plain(text: str, path: KeyPath, line: int) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return _int(text, path, line)
    if _PREFIXED_INT.fullmatch(text):
        return _int(text, path, line, base=0)
    if _NON_FINITE.fullmatch(text):
        raise Mistake(Problem(f"{text} is not a finite number", "write an ordinary number", path, line))
    if _FLOAT.fullmatch(text):
        return _float(text, path, line)
    return text


def _int(text: str, path: KeyPath, line: int, base: int = 10) -> int:
    digits = text.lstrip("+-")
    if base == 10 and len(digits) > 1 and digits.startswith("0"):
        without = digits.lstrip("0") or "0"
        raise Mistake(Problem(f"{cut(text)} starts with a zero", f"write {without}", path, line))
    if len(digits) > MAX_INT_DIGITS:
        message = f"{cut(text)} has more than {MAX_INT_DIGITS} digits"
        raise Mistake(Problem(message, "write a smaller number", path, line))
    return int(text, base)


def _float(text: str, path: KeyPath, line: int) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Mistake(Problem(f"{cut(text)} is too large for a number", "write a smaller number", path, line))
    return number
