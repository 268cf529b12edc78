"""JSON lines: one object a line; objects inside it become columns with dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from analysis.importers.table.bounded_lines import TOO_LONG, bounded_lines, is_broken
from analysis.importers.table.cells import plain
from analysis.importers.table.types import Cell, TableRows, UnreadableTableError, check_headers


def read_json_lines(path: Path, encoding: str) -> tuple[list[str], TableRows]:
    """Returns headers (the keys, in the order in which they turn up) and rows.

    Raises:
        UnreadableTableError: no line holds an object with a key.
    """
    found = TableRows()
    headers: dict[str, int] = {}
    for line, text in enumerate(bounded_lines(path, encoding), start=1):
        if not text.strip():
            continue
        try:
            cells = dict(_flat(_object(text)))
        except (ValueError, RecursionError) as problem:
            found.refuse(
                line, str(problem) if isinstance(problem, _NotARowError) else "it is no JSON", text[:80].strip()
            )
            continue
        for key in cells:
            headers.setdefault(key, len(headers))
        found.add(line, _aligned(cells, headers))
    if not headers:
        raise UnreadableTableError('no line of it is a JSON object such as {"lr": 0.0001, "val_loss": 1.9}')
    check_headers(list(headers))
    found.rows = [[*row, *[None] * (len(headers) - len(row))] for row in found.rows]
    return list(headers), found


class _NotARowError(ValueError):
    """A line of JSON that is no row; the text says why."""


def _aligned(cells: Mapping[str, Cell], headers: Mapping[str, int]) -> list[Cell]:
    row: list[Cell] = [None] * len(headers)
    for key, cell in cells.items():
        row[headers[key]] = cell
    return row


def _object(text: str) -> dict[str, object]:
    if text == TOO_LONG:
        raise _NotARowError("the line is longer than 16 MB")
    if is_broken(text):
        raise _NotARowError("it holds bytes that are no text in this encoding")
    value = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(value, dict):
        raise _NotARowError("it is no JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _NotARowError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands in it twice")
    return found


def _flat(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    for key, item in value.items():
        name = f"{prefix}{key}".strip() or "column"
        if isinstance(item, dict):
            yield from _flat(item, f"{name}.")
        elif is_broken(name) or (isinstance(item, str) and is_broken(item)):
            raise _NotARowError("it holds half a character (a lone surrogate)")
        else:
            yield name, plain(item)
