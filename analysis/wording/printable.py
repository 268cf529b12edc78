"""Text that does nothing but stand there: imported names may hold any character."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = r"\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE: Final = re.compile(rf"[\x00-\x08\x0b-\x1f{_CONTROL}]")
_UNSAFE_OR_BREAK: Final = re.compile(rf"[\x00-\x1f{_CONTROL}]")


def printable(text: str, *, breaks: bool = True) -> str:
    """The text with every character that would do something made visible.

    Args:
        text: Control characters, also those that turn the direction of writing, are shown as escapes.
        breaks: Whether line breaks and tabs stay.
    """
    return (_UNSAFE if breaks else _UNSAFE_OR_BREAK).sub(lambda found: ascii(found[0])[1:-1], text)
