"""Tables as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
from typing import Final

import pandas as pd

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\0")
"""OWASP's list for CSV injection: a text cell that starts with one of these is taken for a formula."""


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV text without its index; text that would start a formula gets a leading apostrophe.

    Numbers stay numbers, so -0.5 is untouched; lists become their items joined by a space. Text always stands in
    quotes: a bare carriage return would start a new line for a spreadsheet, and the rest could be a formula.
    """
    safe = pd.DataFrame({_safe(name): table[name].map(_safe) for name in table.columns})
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)


def _safe(cell: object) -> object:
    if isinstance(cell, list | tuple):
        return _safe(" ".join(str(item) for item in cell))
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_STARTS_A_FORMULA) else cell
