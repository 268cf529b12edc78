"""Collects logged rows as the two tables of a `SourceRun`: numbers in one, everything else as JSON in the other."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from analysis.importers.result import RowProblem
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA

MAX_STEP: Final = 2**63 - 1
_LONGEST_NAME: Final = 200
"""As the store's."""
_SHOWN: Final = 80


class LoggedRows:
    """Takes rows in the order in which they were logged.

    Attributes:
        problems: Values that could not be taken.
    """

    def __init__(self) -> None:
        self.problems: list[RowProblem] = []
        self._rows: list[tuple[int, int, int | None, float | None]] = []
        self._lengths = array("q")
        self._keys = array("i")
        self._numbers = array("d")
        self._objects: list[tuple[int, int, str, str]] = []
        self._names: dict[str, int] = {}
        self._places: set[tuple[int, int]] = set()

    @property
    def n_rows(self) -> int:
        """Steps that were logged: what was logged at one step in several goes is one row."""
        return len(self._places)

    def add(
        self,
        step: int,
        values: Mapping[str, object],
        *,
        attempt: int = 1,
        tokens_seen: int | None = None,
        wall_time: float | None = None,
        line: int | None = None,
    ) -> None:
        """Takes one row; `line` is where it stands in its file."""
        self._places.add((attempt, step))
        before = len(self._keys)
        for name, value in values.items():
            if type(value) is float and name in self._names:  # nearly every value of a log
                self._keys.append(self._names[name])
                self._numbers.append(value)
            elif 0 < len(name) <= _LONGEST_NAME:
                self._add_slowly(attempt, step, name, value)
            else:
                reason = f"a metric's name has 1 to {_LONGEST_NAME} characters; it is left out"
                self.problems.append(RowProblem(line, name[:_SHOWN], None, reason))
        self._rows.append((attempt, step, tokens_seen, wall_time))
        self._lengths.append(len(self._keys) - before)

    def _add_slowly(self, attempt: int, step: int, name: str, value: object) -> None:
        number = number_of(value)
        if number is not None:
            self._keys.append(self._names.setdefault(name, len(self._names)))
            self._numbers.append(number)
        if number is None or (isinstance(value, int) and int(number) != value):
            self._objects.append((attempt, step, name, json.dumps(value, ensure_ascii=False)))

    def history(self) -> pa.Table:
        """The numbers, a table of `HISTORY_SCHEMA`."""
        if not self._keys:
            return HISTORY_SCHEMA.empty_table()
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*self._rows, strict=True), HISTORY_SCHEMA, strict=False)
        ]
        row = pa.array(np.repeat(np.arange(len(self._rows)), np.asarray(self._lengths)))
        names = pa.array(list(self._names), pa.string())
        keys = pa.DictionaryArray.from_arrays(pa.array(np.asarray(self._keys)), names)
        numbers = pa.array(np.asarray(self._numbers))
        return pa.Table.from_arrays([*(column.take(row) for column in columns), keys, numbers], schema=HISTORY_SCHEMA)

    def objects(self) -> pa.Table:
        """The rest, a table of `OBJECTS_SCHEMA`."""
        columns = zip(*self._objects, strict=True) if self._objects else [(), (), (), ()]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, OBJECTS_SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=OBJECTS_SCHEMA)


def number_of(value: object) -> float | None:
    """The value as a double, NaN and infinities too; None for what is no number, or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def step_of(value: object) -> int | None:
    """A step: a whole number from 0 that fits in 64 bits; None for everything else."""
    number = number_of(value)
    if number is None or not math.isfinite(number) or number != int(number):
        return None
    step = int(value) if isinstance(value, int) else int(number)
    return step if 0 <= step <= MAX_STEP else None
