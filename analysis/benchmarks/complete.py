"""The part of a matrix without gaps: means over different sets of benchmarks do not compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class CompleteBlock:
    """Positions of the rows and columns in which nothing is missing, ascending."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def find_complete_block(
    missing: NDArray[np.bool_], row_keys: Sequence[str], column_keys: Sequence[str]
) -> CompleteBlock:
    """Returns a large block without gaps.

    Whatever has the largest share of gaps leaves, a column before a row, until none is left (our choice; the largest
    block is costly to find). The keys settle ties, so that the order of rows and columns does not matter.

    Args:
        missing: Shape (n_rows, n_columns).
        row_keys: One per row.
        column_keys: One per column.
    """
    rows = np.ones(missing.shape[0], dtype=bool)
    columns = np.ones(missing.shape[1], dtype=bool)
    gaps_by_row, gaps_by_column = missing.sum(axis=1), missing.sum(axis=0)
    row_order, column_order = _positions(row_keys), _positions(column_keys)
    while rows.any() and columns.any() and gaps_by_row[rows].any():
        row = _worst(gaps_by_row, rows, row_order)
        column = _worst(gaps_by_column, columns, column_order)
        if gaps_by_column[column] / rows.sum() >= gaps_by_row[row] / columns.sum():
            columns[column] = False
            gaps_by_row = gaps_by_row - missing[:, column]
        else:
            rows[row] = False
            gaps_by_column = gaps_by_column - missing[row]
    if not (rows.any() and columns.any()):
        rows[:], columns[:] = False, False
    return CompleteBlock(np.flatnonzero(rows), np.flatnonzero(columns))


def _positions(keys: Sequence[str]) -> NDArray[np.intp]:
    """Returns the place of each key in the sorted keys."""
    places = np.empty(len(keys), dtype=np.intp)
    places[sorted(range(len(keys)), key=lambda position: keys[position])] = np.arange(len(keys))
    return places


def _worst(gaps: NDArray[np.intp], left: NDArray[np.bool_], order: NDArray[np.intp]) -> int:
    candidates = np.flatnonzero(left & (gaps == gaps[left].max()))
    return int(candidates[np.argmax(order[candidates])])
