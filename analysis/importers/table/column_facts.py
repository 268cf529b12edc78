"""What stands in each column: its kind, how many rows have it, how many values, and some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analysis.importers.table.cells import (
    CellError,
    distinct,
    holds_numbers,
    is_blank,
    is_missing_word,
    non_finite_in,
    number_in,
    shown,
    to_time,
)
from analysis.importers.table.types import Cell, Table

Kind = Literal["numbers", "mostly numbers", "whole numbers", "truths", "times", "lists", "texts", "nothing"]
_NUMERIC: Final = frozenset({"numbers", "mostly numbers", "whole numbers"})
_N_EXAMPLES: Final = 3
_N_LOOKED_AT: Final = 200
"""Cells that decide whether a column holds times: reading all would be slow."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What was found in one column.

    Attributes:
        header: Its name.
        kind: What its cells are.
        n_present: Rows that are not blank there.
        n_distinct: Different cells.
        examples: The first different ones, shortened.
        lowest: Smallest number, where it holds numbers.
        highest: Largest number, where it holds numbers.
    """

    header: str
    kind: Kind
    n_present: int
    n_distinct: int
    examples: tuple[str, ...]
    lowest: float | None = None
    highest: float | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers; rows with something else are listed when it is imported as such."""
        return self.kind in _NUMERIC


def describe_columns(table: Table) -> dict[str, ColumnFacts]:
    """Returns header -> what stands in the column."""
    return {header: _describe(header, table.column(header)) for header in table.headers}


def _describe(header: str, column: list[Cell]) -> ColumnFacts:
    n_present = sum(not is_blank(cell) for cell in column)
    cells = [cell for cell in distinct(column) if not is_blank(cell)]
    numbers = [number for number in map(number_in, cells) if number is not None]
    kind = _kind(cells, numbers)
    numeric = kind in _NUMERIC
    return ColumnFacts(
        header,
        kind,
        n_present,
        len(cells),
        tuple(shown(cell) for cell in cells[:_N_EXAMPLES]),
        float(min(numbers)) if numeric else None,
        float(max(numbers)) if numeric else None,
    )


def _kind(cells: list[Cell], numbers: list[int | float]) -> Kind:
    if not cells:
        return "nothing"
    if holds_numbers(cells):
        return "whole numbers" if all(float(number).is_integer() for number in numbers) else "numbers"
    if all(isinstance(cell, bool) or str(cell).lower() in ("true", "false") for cell in cells):
        return "truths"
    if any(isinstance(cell, list | tuple) for cell in cells):
        return "lists"
    if numbers and 2 * sum(map(_is_beside_numbers, cells)) > len(cells):
        return "mostly numbers"
    return "times" if all(_is_time(cell) for cell in cells[:_N_LOOKED_AT]) else "texts"


def _is_beside_numbers(cell: Cell) -> bool:
    """Whether a cell belongs into a column of numbers."""
    return number_in(cell) is not None or is_missing_word(cell) or non_finite_in(cell) is not None


def _is_time(cell: Cell) -> bool:
    try:
        return to_time(cell) is not None
    except CellError:
        return False
