"""Logged points (one number of one metric at one step) as the tables of a `SourceRun`, with what became of each."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from analysis.importers.result import RowProblem
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA


@dataclass(frozen=True, slots=True)
class Collected:
    """The points of one run; the fields are those of `SourceRun`."""

    history: pa.Table
    objects: pa.Table
    rows_expected: int
    rows_got: int
    problems: tuple[RowProblem, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class Points:
    """Takes points in the order in which they were logged; `collect` gives the tables."""

    _attempts: array[int] = field(default_factory=lambda: array("q"))
    _steps: array[int] = field(default_factory=lambda: array("q"))
    _walls: array[float] = field(default_factory=lambda: array("d"))
    _keys: array[int] = field(default_factory=lambda: array("i"))
    _values: array[float] = field(default_factory=lambda: array("d"))
    _names: dict[str, int] = field(default_factory=dict)
    _objects: dict[tuple[int, int, str], str] = field(default_factory=dict)
    _negative: dict[str, set[tuple[int, int]]] = field(default_factory=dict)

    def add(self, attempt: int, step: int, name: str, value: float, wall_time: float = math.nan) -> None:
        """Takes a number; `wall_time` in seconds since the attempt began, NaN where it is not known."""
        if step < 0:
            self._negative.setdefault(name, set()).add((attempt, step))
            return
        self._attempts.append(attempt)
        self._steps.append(step)
        self._walls.append(wall_time)
        self._keys.append(self._names.setdefault(name, len(self._names)))
        self._values.append(value)

    def add_object(self, attempt: int, step: int, name: str, json_text: str) -> None:
        """Takes a value that is no number."""
        if step < 0:
            self._negative.setdefault(name, set()).add((attempt, step))
        else:
            self._objects[(attempt, step, name)] = json_text

    def __len__(self) -> int:
        return len(self._values)

    def collect(self) -> Collected:
        """The tables: of several values of one metric at one step the last one, as a note then says.

        A metric that was logged more than once, and always at step 0, was logged without a step (the clients then
        write 0): its values are numbered in their order instead.
        """
        attempts, steps = np.asarray(self._attempts, np.int64), np.asarray(self._steps, np.int64)
        keys = np.asarray(self._keys, np.int32)
        steps, numbered = _number_stepless(attempts, steps, keys)
        kept = _last_of_each(attempts, steps, keys)
        history = self._table(attempts[kept], steps[kept], keys[kept], kept)
        places = set(zip(attempts[kept].tolist(), steps[kept].tolist(), strict=True))
        places |= {place[:2] for place in self._objects}
        lost = set().union(*self._negative.values())
        return Collected(
            history,
            _object_table(self._objects),
            rows_expected=len(places) + len(lost),
            rows_got=len(places),
            problems=tuple(_negative_problem(name, found) for name, found in sorted(self._negative.items())),
            notes=tuple(_notes(len(keys) - len(kept), [name for name, key in self._names.items() if key in numbered])),
        )

    def _table(self, attempts: np.ndarray, steps: np.ndarray, keys: np.ndarray, kept: np.ndarray) -> pa.Table:
        names = pa.DictionaryArray.from_arrays(pa.array(keys, pa.int32()), pa.array(list(self._names), pa.string()))
        columns = [
            pa.array(attempts),
            pa.array(steps),
            pa.nulls(len(kept), pa.int64()),
            pa.array(np.asarray(self._walls, np.float64)[kept], from_pandas=True),
            names,
            pa.array(np.asarray(self._values, np.float64)[kept]),
        ]
        return pa.table(columns, schema=HISTORY_SCHEMA)


def _number_stepless(attempts: np.ndarray, steps: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, set[int]]:
    """Steps with those of metrics that have none replaced, and these metrics' keys."""
    numbered: set[int] = set()
    with_step = set(np.unique(keys[steps != 0]).tolist())
    steps = steps.copy()
    for key in sorted(set(np.unique(keys).tolist()) - with_step):
        for attempt in np.unique(attempts[keys == key]).tolist():
            (rows,) = np.nonzero((keys == key) & (attempts == attempt))
            if len(rows) > 1:
                steps[rows] = np.arange(len(rows))
                numbered.add(key)
    return steps, numbered


def _last_of_each(attempts: np.ndarray, steps: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Indices of the last point of each place, by attempt, step and metric."""
    order = np.lexsort((np.arange(len(keys)), keys, steps, attempts))
    changes = np.zeros(len(order), dtype=bool)
    for column in (attempts[order], steps[order], keys[order]):
        changes[:-1] |= column[1:] != column[:-1]
    changes[-1:] = True
    return order[changes]


def _object_table(objects: dict[tuple[int, int, str], str]) -> pa.Table:
    places = sorted(objects)
    columns = [
        pa.array([attempt for attempt, _, _ in places], pa.int64()),
        pa.array([step for _, step, _ in places], pa.int64()),
        pa.array([name for _, _, name in places], pa.string()),
        pa.array([objects[place] for place in places], pa.string()),
    ]
    return pa.table(columns, schema=OBJECTS_SCHEMA)


def _negative_problem(name: str, found: set[tuple[int, int]]) -> RowProblem:
    lowest = min(step for _, step in found)
    return RowProblem(None, name, str(lowest), f"{len(found)} values stand at steps below 0, which have no place")


def _notes(n_replaced: int, numbered: Sequence[str]) -> list[str]:
    notes = []
    if numbered:
        notes.append(f"logged without a step, so numbered in their order: {', '.join(numbered)}")
    if n_replaced:
        notes.append(f"{n_replaced:,} values were logged again at the same step: the last one counts")
    return notes
