"""CSV and TSV: quoting by the csv module, one row at a time, so that a bad row costs only itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from analysis.importers.table.bounded_lines import TOO_LONG, bounded_lines, is_broken
from analysis.importers.table.types import Cell, TableRows, UnreadableTableError, check_headers

_DELIMITERS: Final = ",;\t|"
_NO_TEXT: Final = "it holds bytes that are no text in this encoding; save the file as UTF-8, or name its encoding"
_LONG_CELL: Final = "a cell is longer than 131,072 characters; is a quote left open?"


def read_delimited(path: Path, encoding: str, delimiter: str | None) -> tuple[list[str], TableRows]:
    """Returns headers and rows; the delimiter is the one that the header line has most of, unless it is given.

    Raises:
        UnreadableTableError: there is no usable header line.
    """
    lines = _Counted(bounded_lines(path, encoding))
    first = next(lines, "")
    headers = _headers(first, lines, delimiter or max(_DELIMITERS, key=_unquoted(first).count))
    found = TableRows()
    for line, cells in _rows(lines, delimiter or max(_DELIMITERS, key=_unquoted(first).count), found):
        _take(line, cells, len(headers), found)
    return headers, found


class _Counted:
    """Lines with the number of the one that was read last."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line


def _unquoted(line: str) -> str:
    """The parts of a line that stand outside of quotes."""
    return "".join(line.split('"')[::2])


def _headers(first: str, lines: _Counted, delimiter: str) -> list[str]:
    if is_broken(first):
        raise UnreadableTableError("its first line is no text in this encoding; save it as UTF-8")
    try:
        cells = next(csv.reader(_chained(first, lines), delimiter=delimiter), [])
    except csv.Error as error:
        raise UnreadableTableError(f"its header line cannot be read ({error})") from error
    headers = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, start=1)]
    if not any(cell.strip() for cell in cells):
        raise UnreadableTableError("its first line is blank; it must hold the headers")
    check_headers(headers)
    return headers


def _chained(first: str, lines: _Counted) -> Iterator[str]:
    yield first
    yield from lines


def _rows(lines: _Counted, delimiter: str, found: TableRows) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found.refuse(start, _LONG_CELL if "field larger" in str(error) else f"it is no row of a table ({error})")
            continue
        if cells:
            yield start, cells


def _take(line: int, cells: list[str], n_columns: int, found: TableRows) -> None:
    if len(cells) != n_columns:
        if cells == [TOO_LONG]:
            found.refuse(line, "the line is longer than 16 MB")
        else:
            found.refuse(line, f"it has {len(cells)} cells where the header has {n_columns}", ", ".join(cells)[:80])
        return
    if any(is_broken(cell) or "\0" in cell for cell in cells):
        found.refuse(
            line, "it holds bytes that are no text in this encoding; save the file as UTF-8 or give --encoding"
        )
        return
    texts: list[Cell] = [cell.strip() for cell in cells]
    if any(texts):
        found.add(line, texts)
