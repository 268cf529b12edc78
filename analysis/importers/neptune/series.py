"""Series of an export: floats as metrics, everything else as objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.result import RowProblem
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA

FLOATS: Final = "float_series"
OTHERS: Final[Mapping[str, str]] = {
    "string_series": "string_value",
    "histogram_series": "histogram_value",
    "file_series": "file_value",
}
"""Attribute type -> the column with its values."""
_MICRO: Final = 1_000_000
"""Neptune's steps have six decimals."""
_SYSTEM: Final = "monitoring/"

Integers = npt.NDArray[np.int64]


class Series:
    """Takes batches of one run.

    Attributes:
        n_system: Values of system metrics; they are not read.
        n_empty: Numbers that are empty in the export.
        problems: Values that have no place.
        n_lost: Steps that have no place.
    """

    def __init__(self) -> None:
        self.n_system = self.n_empty = self.n_lost = 0
        self.problems: list[RowProblem] = []
        self._floats: list[pa.Table] = []
        self._others: list[tuple[int, str, str]] = []

    def add(self, batch: pa.Table) -> None:
        """Takes the rows of a batch that are of a series."""
        is_series = pc.is_in(batch["attribute_type"], pa.array([FLOATS, *OTHERS]))
        rows = batch.filter(is_series)
        is_system = pc.starts_with(rows["attribute_path"], _SYSTEM)
        self.n_system += pc.sum(is_system).as_py() or 0
        rows = self._placed(rows.filter(pc.invert(is_system)))
        floats = rows.filter(pc.equal(rows["attribute_type"], FLOATS))
        self._floats.append(floats.select(["attribute_path", "micro", "timestamp", "float_value"]))
        for kind, column in OTHERS.items():
            of_kind = rows.filter(pc.equal(rows["attribute_type"], kind)).select(["micro", "attribute_path", column])
            for row in of_kind.to_pylist():
                self._others.append((row["micro"], row["attribute_path"], _text(row[column])))

    def _placed(self, rows: pa.Table) -> pa.Table:
        """The rows with their step in millionths; those without one, or below 0, are problems."""
        micro = pc.multiply(rows["step"].cast(pa.decimal128(25, 6)), pa.scalar(Decimal(_MICRO)))
        rows = rows.append_column("micro", micro.cast(pa.int64()))
        is_placed = pc.greater_equal(rows["micro"], 0).fill_null(False)
        for row in rows.filter(pc.invert(is_placed)).select(["attribute_path", "step"]).to_pylist():
            step = "no step" if row["step"] is None else str(row["step"])
            self.problems.append(RowProblem(None, row["attribute_path"], step, "a step is a number from 0"))
            self.n_lost += 1
        return rows.filter(is_placed)

    def tables(self, start: datetime | None) -> tuple[pa.Table, pa.Table, int, int]:
        """History, objects, the number of steps in them, and the number that every step was multiplied with."""
        floats = pa.concat_tables(self._floats).combine_chunks() if self._floats else None
        micro = np.empty(0, np.int64) if floats is None else floats["micro"].to_numpy()
        other_micro = np.array([step for step, _, _ in self._others], np.int64)
        factor = _factor(np.concatenate([micro, other_micro]))
        objects = _objects(self._others, other_micro, factor)
        history = HISTORY_SCHEMA.empty_table()
        if floats is not None:
            steps = _scaled(micro, factor)
            is_null = floats["float_value"].is_null()
            self.n_empty = pc.sum(is_null).as_py() or 0
            empty = pa.table({"step": steps, "name": floats["attribute_path"]}).filter(is_null)
            objects = pa.concat_tables([objects, _nulls(empty)])
            history = _history(floats, steps, start).filter(pc.invert(is_null))
        n_rows = len(np.unique(np.concatenate([history["step"].to_numpy(), objects["step"].to_numpy()])))
        return history, objects, n_rows, factor


def _factor(micro: Integers) -> int:
    """The smallest power of ten that makes every step whole."""
    factors = [1, 10, 100, 1_000, 10_000, 100_000]
    return next((factor for factor in factors if not (micro % (_MICRO // factor)).any()), _MICRO)


def _scaled(micro: Integers, factor: int) -> Integers:
    return micro // (_MICRO // factor)


def _history(floats: pa.Table, steps: Integers, start: datetime | None) -> pa.Table:
    stamps = floats["timestamp"].cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64) / 1000
    seconds = np.maximum(stamps - start.timestamp(), 0.0) if start else np.full(len(stamps), np.nan)
    columns = [
        pa.array(np.ones(len(steps), np.int64)),
        pa.array(steps),
        pa.nulls(len(steps), pa.int64()),
        pa.array(seconds, from_pandas=True),
        floats["attribute_path"].cast(pa.string()).dictionary_encode().combine_chunks(),
        floats["float_value"].cast(pa.float64()),
    ]
    return pa.table(columns, schema=HISTORY_SCHEMA)


def _objects(others: Sequence[tuple[int, str, str]], micro: Integers, factor: int) -> pa.Table:
    columns = [
        pa.array(np.ones(len(others), np.int64)),
        pa.array(_scaled(micro, factor)),
        pa.array([name for _, name, _ in others], pa.string()),
        pa.array([text for _, _, text in others], pa.string()),
    ]
    return pa.table(columns, schema=OBJECTS_SCHEMA)


def _nulls(places: pa.Table) -> pa.Table:
    """Objects that say that a number was empty."""
    n = len(places)
    columns = [pa.array([1] * n, pa.int64()), places["step"], places["name"], pa.array(["null"] * n, pa.string())]
    return pa.table(columns, schema=OBJECTS_SCHEMA)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
