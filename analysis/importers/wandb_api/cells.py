"""The values of a run's rows as they come in from a server, in the form in which a local log has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.wandb.canonical import canonical_text
from analysis.importers.wandb.internal import INTERNAL_KEYS
from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb_log.history import HISTORY_SCHEMA

STEP, TIMESTAMP, RUNTIME = "_step", "_timestamp", "_runtime"
_WORDS: Final[dict[str, float]] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EXACT_BELOW: Final = 2**53
"""2**53 + 1 is the first integer that becomes another one as a double."""


class Cells:
    """Takes rows in any order; a row that comes again replaces its values.

    Attributes:
        n_without_step: Rows that say no step, so that they have no place.
        n_words: Texts such as "NaN" that became floats, because their key has numbers elsewhere in the run.
        n_kept_words: Such texts whose key has none: they stayed text.
    """

    def __init__(self) -> None:
        self.n_without_step = 0
        self.n_words = 0
        self.n_kept_words = 0
        self._steps: set[int] = set()
        self._times: dict[str, dict[int, float]] = {TIMESTAMP: {}, RUNTIME: {}}
        self._columns: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._singles: dict[str, dict[int, float]] = {}
        self._integers: dict[str, dict[int, int]] = {}
        self._objects: dict[str, dict[int, object]] = {}
        self._words: dict[str, dict[int, object]] = {}

    @property
    def n_rows(self) -> int:
        """Different steps so far."""
        return len(self._steps)

    @property
    def last_step(self) -> int:
        """The highest step so far, -1 where there is none."""
        return max(self._steps, default=-1)

    def add_row(self, row: Mapping[str, object]) -> None:
        """Takes one row: its keys with their values, nested where they were logged so."""
        step = step_of(row)
        if step is None:
            self.n_without_step += 1
            return
        self._steps.add(step)
        for name, times in self._times.items():
            moment = row.get(name)
            if isinstance(moment, int | float) and math.isfinite(moment):
                times[step] = float(moment)
        for name, value in row.items():
            if name not in INTERNAL_KEYS:
                self._add(step, name, value)

    def add_table(self, table: pa.Table) -> None:
        """Takes exported rows: a column a key, null where a row lacks it.

        Raises:
            pa.ArrowInvalid: the steps are no numbers.
        """
        steps = table[STEP].cast(pa.float64()) if STEP in table.column_names else pa.nulls(len(table), pa.float64())
        placed = pc.and_(pc.is_finite(steps), pc.greater_equal(steps, 0)).fill_null(False)
        kept = table.filter(placed)
        self.n_without_step += len(table) - len(kept)
        at = steps.filter(placed).cast(pa.int64()).to_numpy()
        self._steps.update(at.tolist())
        for name in kept.column_names:
            if name in self._times:
                self._add_times(name, at, kept[name])
            elif name not in INTERNAL_KEYS:
                self._add_column(name, at, kept[name])

    def first_timestamps(self, n: int) -> list[float | None]:
        """`_timestamp` of the first rows, by step."""
        return [self._times[TIMESTAMP].get(step) for step in sorted(self._steps)[:n]]

    def history(self) -> pa.Table:
        """All values but `media`, as `analysis.importers.wandb_log.HISTORY_SCHEMA`, by step."""
        self._place_words()
        names = list(dict.fromkeys([*self._columns, *self._singles, *self._integers, *self._objects]))
        parts = [part for place, name in enumerate(names) for part in self._parts(place, name)]
        if not parts:
            return HISTORY_SCHEMA.empty_table()
        steps = np.concatenate([at for at, _, _, _, _ in parts])
        keys = np.concatenate([np.full(len(at), place, np.int32) for at, place, _, _, _ in parts])
        kept = _last_of_each(steps, keys)
        number, integer, text = (pa.concat_arrays([part[i] for part in parts]) for i in (2, 3, 4))
        columns = [
            pa.array(steps[kept]),
            self._moments(TIMESTAMP, steps[kept]),
            self._moments(RUNTIME, steps[kept]),
            pa.DictionaryArray.from_arrays(pa.array(keys[kept]), pa.array(names, pa.string())),
            *(values.take(pa.array(kept)) for values in (number, integer, text)),
        ]
        return pa.table(columns, schema=HISTORY_SCHEMA)

    def media(self) -> list[MediaValue]:
        """Values with a `_type`: tables, histograms, images."""
        return [
            MediaValue(step, name, canonical_text(value, keeps_null=False))
            for name, by_step in self._objects.items()
            for step, value in by_step.items()
            if _is_media(value)
        ]

    def _add(self, step: int, name: str, value: object) -> None:
        if isinstance(value, dict) and value and not _is_media(value):
            for key, part in value.items():
                self._add(step, f"{name}.{key}", part)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            by_name = self._words if isinstance(value, str) and value in _WORDS else self._objects
            by_name.setdefault(name, {})[step] = value
        elif isinstance(value, int) and abs(value) >= _EXACT_BELOW:
            self._integers.setdefault(name, {})[step] = value
        else:
            self._singles.setdefault(name, {})[step] = float(value)

    def _add_times(self, name: str, at: np.ndarray, column: pa.ChunkedArray) -> None:
        if _is_number(column.type):
            known = zip(at.tolist(), column.to_pylist(), strict=True)
            self._times[name].update({step: float(moment) for step, moment in known if moment is not None})

    def _add_column(self, name: str, at: np.ndarray, column: pa.ChunkedArray) -> None:
        there = np.asarray(column.is_valid().to_numpy())
        present = column.drop_null()
        if _is_number(column.type) and not _has_long(present):
            self._columns.setdefault(name, []).append((at[there], present.cast(pa.float64()).to_numpy()))
            return
        for step, value in zip(at[there].tolist(), present.to_pylist(), strict=True):
            self._add(step, name, value)

    def _place_words(self) -> None:
        """Words become floats where their key is a number elsewhere and never another text; else they stay text."""
        for name, by_step in self._words.items():
            has_texts = any(isinstance(value, str) for value in self._objects.get(name, {}).values())
            if (name in self._columns or name in self._singles) and not has_texts:
                self._singles.setdefault(name, {}).update({step: _WORDS[str(word)] for step, word in by_step.items()})
                self.n_words += len(by_step)
            else:
                self._objects.setdefault(name, {}).update(by_step)
                self.n_kept_words += len(by_step)
        self._words = {}

    def _parts(self, place: int, name: str) -> list[tuple[np.ndarray, int, pa.Array, pa.Array, pa.Array]]:
        """Steps, place of the name, and the columns `number`, `integer` and `json` of one key's values."""
        numbers = [*self._columns.get(name, [])]
        if singles := self._singles.get(name):
            numbers.append((np.asarray(list(singles), np.int64), np.asarray(list(singles.values()), np.float64)))
        parts = [(at, place, pa.array(v), pa.nulls(len(at), pa.int64()), pa.nulls(len(at), pa.string()))
                 for at, v in numbers]  # fmt: skip
        for step, long in self._integers.get(name, {}).items():
            number, integer, text = _long_columns(long)
            parts.append((np.asarray([step], np.int64), place, number, integer, text))
        texts = {
            step: canonical_text(v, keeps_null=False)
            for step, v in self._objects.get(name, {}).items()
            if not _is_media(v)
        }
        if texts:
            at, json_text = np.asarray(list(texts), np.int64), pa.array(list(texts.values()), pa.string())
            parts.append((at, place, pa.nulls(len(at), pa.float64()), pa.nulls(len(at), pa.int64()), json_text))
        return parts

    def _moments(self, name: str, steps: np.ndarray) -> pa.Array:
        """A row's own time at each step; null where it is unknown."""
        known = self._times[name]
        unique, place = np.unique(steps, return_inverse=True)
        moments = np.asarray([known.get(step, math.nan) for step in unique.tolist()], np.float64)
        return pa.array(moments[place], from_pandas=True)


def _long_columns(value: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """`number`, `integer` and `json` of an integer from 2**53 on; beyond int64 it stands in the JSON."""
    number = pa.array([float(value)] if value.bit_length() < 1024 else [None], pa.float64())
    if -(2**63) <= value < 2**63:
        return number, pa.array([value], pa.int64()), pa.nulls(1, pa.string())
    return number, pa.nulls(1, pa.int64()), pa.array([str(value)], pa.string())


def _is_media(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("_type"), str)


def step_of(row: Mapping[str, object]) -> int | None:
    """The step of a row, None where there is none."""
    value = row.get(STEP)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return int(value)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _has_long(numbers: pa.ChunkedArray) -> bool:
    """Whether a column has integers that a double may not hold."""
    if not pa.types.is_integer(numbers.type) or not len(numbers):
        return False
    ends = pc.min_max(numbers).as_py()
    return bool(max(abs(ends["min"]), abs(ends["max"])) >= _EXACT_BELOW)


def _last_of_each(steps: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Places of the last value of each step and key, by step."""
    order = np.lexsort((keys, steps))  # stable: the last of equals came last
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(steps[order]) != 0) | (np.diff(keys[order]) != 0)
    return order[last]
