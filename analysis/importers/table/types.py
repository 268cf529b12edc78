"""A table as it was read: headers, rows of raw cells, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analysis.importers.result import RowProblem

Cell = None | str | bool | int | float | datetime | Sequence[object]
"""A cell before anybody has asked what it means: text from CSV, typed values from JSON lines and Parquet."""

MAX_CELLS: Final = 20_000_000
"""Our choice: about 2 GB as Python values, far above any table of runs."""
MAX_COLUMNS: Final = 10_000
MAX_CELL_CHARACTERS: Final = 131_072
"""The csv module's own limit; a longer cell is most likely a quote that was never closed."""


@dataclass(frozen=True, slots=True)
class Table:
    """One file.

    Attributes:
        file: Its name, without any folder.
        sha256: Of its bytes, in hexadecimal digits.
        headers: Names of the columns, all different.
        lines: Where each row starts: a line of a text file, a row number of Parquet; from 1.
        rows: Cells, aligned with `headers`; None is blank.
        n_rows: Rows that the file holds, readable or not.
        problems: Rows that could not be read.
    """

    file: str
    sha256: str
    headers: tuple[str, ...]
    lines: Sequence[int]
    rows: Sequence[Sequence[Cell]]
    n_rows: int
    problems: Sequence[RowProblem] = ()

    def column(self, header: str) -> list[Cell]:
        """All cells of one column."""
        index = self.headers.index(header)
        return [row[index] for row in self.rows]


class UnreadableTableError(Exception):
    """A file is no table at all; the text says why, without the file's name."""


class TableRows:
    """Collects the rows of one file within the bounds, whatever its kind."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.rows: list[Sequence[Cell]] = []
        self.problems: list[RowProblem] = []
        self._n_cells = 0

    def add(self, line: int, cells: Sequence[Cell]) -> None:
        """Notes a row that was read.

        Raises:
            UnreadableTableError: the table has become too large.
        """
        self._n_cells += len(cells)
        if self._n_cells > MAX_CELLS:
            raise UnreadableTableError(f"it has more than {MAX_CELLS:,} cells; split it into several files")
        self.lines.append(line)
        self.rows.append(cells)

    def refuse(self, line: int, reason: str, value: str | None = None) -> None:
        """Notes a row that cannot be read."""
        self.problems.append(RowProblem(line, None, value, reason))


def check_headers(headers: Sequence[str]) -> None:
    """Checks that columns can be told apart by their headers.

    Raises:
        UnreadableTableError: two headers are equal, or there are too many columns.
    """
    if len(headers) > MAX_COLUMNS:
        raise UnreadableTableError(f"it has {len(headers):,} columns, the most is {MAX_COLUMNS:,}")
    seen: dict[str, int] = {}
    for number, header in enumerate(headers, start=1):
        if header in seen:
            raise UnreadableTableError(
                f"the header {header[:80]!r} stands over columns {seen[header]} and {number}; rename one of them"
            )
        seen[header] = number
