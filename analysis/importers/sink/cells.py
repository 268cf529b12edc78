"""What a run logged as arrays, so that a million values are compared without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.importers.source_run import SourceScore

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logged:
    """Numbers, other values and scores of one run, in all of its attempts.

    Attributes:
        metrics: Columns `attempt, step, name, value` and more.
        objects: Columns `attempt, step, name, json`.
        scores: Benchmark scores.
    """

    metrics: pa.Table
    objects: pa.Table
    scores: Sequence[SourceScore]

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return len(self.metrics) + len(self.objects) + len(self.scores)


@dataclass(frozen=True, slots=True)
class Cells:
    """Every value of a `Logged`, in its order: metrics, objects, scores. Shape of all arrays: `(n_values,)`.

    Attributes:
        attempts: Attempt of each value.
        steps: Step of each value.
        names: Number of its name; equal names of one kind of value have one number.
        values: The value; of an object the number of its text.
    """

    attempts: Integers
    steps: Integers
    names: Integers
    values: Numbers


@dataclass(slots=True)
class Numbering:
    """Numbers of names and texts, shared by everything that is to be compared."""

    names: dict[tuple[str, ...], int] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)

    def cells(self, logged: Logged) -> Cells:
        """The arrays of what was logged."""
        metrics, objects, scores = logged.metrics, logged.objects, logged.scores
        scored = [self.names.setdefault((score.benchmark, score.metric, ""), len(self.names)) for score in scores]
        values = [_numbers(metrics.column("value")), self._texts(objects.column("json")), [s.score for s in scores]]
        return Cells(
            _joined(_numbers(metrics["attempt"]), _numbers(objects["attempt"]), [s.attempt for s in scores]),
            _joined(_numbers(metrics["step"]), _numbers(objects["step"]), [s.step for s in scores]),
            _joined(self._names("metric", metrics["name"]), self._names("object", objects["name"]), scored),
            np.concatenate([np.asarray(part, dtype=np.float64) for part in values]),
        )

    def _names(self, kind: str, column: pa.ChunkedArray) -> Integers:
        places, different = _encoded(column)
        numbers = [self.names.setdefault((kind, name), len(self.names)) for name in different]
        return np.asarray(numbers, dtype=np.int64)[places]

    def _texts(self, column: pa.ChunkedArray) -> Integers:
        places, different = _encoded(column)
        return np.asarray([self.texts.setdefault(text, len(self.texts)) for text in different], dtype=np.int64)[places]


def _encoded(column: pa.ChunkedArray) -> tuple[Integers, list[str]]:
    """Where in the list of different texts each text stands, and that list."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    array = encoded.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # some versions give an array, some a single chunk
        array = array.chunk(0) if array.num_chunks else pa.array([], encoded.type)
    return np.asarray(array.indices.to_numpy(zero_copy_only=False), dtype=np.int64), array.dictionary.to_pylist()


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    numbers: npt.NDArray[np.generic] = column.to_numpy()
    return numbers


def _joined(*parts: npt.ArrayLike) -> Integers:
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in parts])
