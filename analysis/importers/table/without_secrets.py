"""Takes secrets out of a table as it is read, before anything of it is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from analysis.importers.redaction import Redactor
from analysis.importers.redaction.names import what_holds
from analysis.importers.table.types import Cell, Table

_SHORTEST: Final = 8
"""Letters of a secret that is known by its shape or value; shorter texts are looked at where the header names one."""
_CACHED: Final = 10_000


def without_secrets(table: Table, redactor: Redactor) -> Table:
    """The table with every secret in its cells replaced by the marker.

    Args:
        table: As it was read.
        redactor: What finds secrets.
    """
    cleaners = [_cleaner(header, redactor) for header in table.headers]
    rows = [[clean(cell) for clean, cell in zip(cleaners, row, strict=True)] for row in table.rows]
    return table if redactor.n_redacted == 0 else replace(table, rows=rows)


def _cleaner(header: str, redactor: Redactor) -> Callable[[Cell], Cell]:
    is_named = what_holds(header) == "secret"
    # Keys that look like a digest stay elsewhere: in many tables such a column tells runs apart, and they would be one.
    names = (header,) if is_named else (header, "digest")

    @lru_cache(_CACHED)
    def clean_text(text: str) -> str:
        return str(redactor.clean(text, names)) if is_named else redactor.clean_text(text, names)

    def clean(cell: Cell) -> Cell:
        if isinstance(cell, str):
            return clean_text(cell) if is_named or len(cell) >= _SHORTEST else cell
        return redactor.clean(cell, names) if isinstance(cell, list | tuple | dict) else cell  # type: ignore[return-value]

    return clean
