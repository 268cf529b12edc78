"""Lines of a text file, none of them longer than memory can bear."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""Our choice: 10,000 cells of 1.6 kB."""
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
TOO_LONG: Final = "\ud800"
"""Stands for a line that was too long; no decoded text can hold it, since undecodable bytes become U+DC80 to U+DCFF."""


def bounded_lines(path: Path, encoding: str) -> Iterator[str]:
    """Yields the lines with their ends; bytes that are no text become lone surrogates, a huge line one of its own.

    Raises:
        ConfigError: the encoding is unknown.
    """
    try:
        # Encoding tries more than a lookup: codecs such as base64 exist and hold no text.
        "".encode(encoding)
    except (LookupError, ValueError):
        raise ConfigError(f"there is no encoding {encoding!r}; usual are utf-8, utf-16, latin-1, cp1252") from None
    with path.open("rb") as file:
        start = file.read(3)
        mark, encoding = next(((mark, name) for mark, name in _MARKS if start.startswith(mark)), (b"", encoding))
        if encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
            yield from _decoded(path, encoding, skip=len(mark))
            return
        file.seek(len(mark))
        while line := file.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                yield TOO_LONG
                continue
            yield line.decode(encoding, errors="surrogateescape")


def _decoded(path: Path, encoding: str, skip: int) -> Iterator[str]:
    """Lines of an encoding whose line ends are not one byte."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        if skip:
            file.read(1)
        while line := file.readline(MAX_LINE_BYTES):
            yield line


def is_broken(text: str) -> bool:
    """Whether a text holds what was no text in the file."""
    return any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else False
