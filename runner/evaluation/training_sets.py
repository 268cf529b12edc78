"""What runs were trained on, to be looked through for a benchmark's items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from runner.data.dataset import Dataset
from runner.data.examples import Example
from runner.data.load import BUILT_IN_EXAMPLES, load_dataset
from runner.evaluation.base_run import config_of
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.contamination import count_overlap
from runner.evaluation.records import Record
from runner.evaluation.targets import Target
from runner.spec.dataset import DatasetSection

TrainingSet: TypeAlias = Callable[[Target], Sequence[Example] | None]
"""What a target was trained on; None where it cannot be had again."""


def built_in_training_set(target: Target) -> Sequence[Example] | None:
    """Returns a built-in data set if the run was trained on exactly this one, in its usual parts.

    A run keeps its data's name and digest, no path: files cannot be found again.
    """
    config = config_of(target.row)
    name = config.get("dataset")
    if name not in BUILT_IN_EXAMPLES:
        return None
    dataset = _load(str(name))
    return dataset.train if dataset.digest == config.get("dataset_digest") else None


@lru_cache(maxsize=2)
def _load(name: str) -> Dataset:
    return load_dataset(DatasetSection.model_validate(name))


class Overlaps:
    """Counts what training sets have of benchmarks, once for targets that share a set."""

    def __init__(self, training_set: TrainingSet) -> None:
        self._training_set = training_set
        self._found: dict[tuple[object, str], Record] = {}

    def of(self, target: Target, benchmark: Benchmark) -> Record | None:
        """Returns the counts; None for a base model, and where the training set is not known."""
        if target.adapter is None:
            return None
        key = (config_of(target.row).get("dataset_digest"), benchmark.digest)
        if key not in self._found:
            examples = self._training_set(target)
            if examples is None:
                return None
            self._found[key] = count_overlap(examples, benchmark).counts()
        return self._found[key]
