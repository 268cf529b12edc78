"""Keys of nested values as one text that can be taken apart again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_KEY: Final = re.compile(r"((?:[^.\\]|\\.)*)(\.|$)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def path_text(path: Sequence[str]) -> str:
    r"""The keys joined by dots, a dot inside a key escaped as W&B's `define_metric` does.

    >>> path_text(["n", "a"]), path_text(["n.a"])
    ('n.a', 'n\\.a')
    """
    return ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)


def path_keys(text: str) -> tuple[str, ...]:
    """The keys that `path_text` joined."""
    keys = []
    position = 0
    while True:
        match = _KEY.match(text, position)
        if match is None:
            return (text,)  # a lone backslash: not made by `path_text`, so it is one key as it stands
        keys.append(_ESCAPED.sub(r"\1", match[1]))
        position = match.end()
        if not match[2]:
            return tuple(keys)
