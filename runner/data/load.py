"""From the dataset section of a sweep file to examples."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.data.dataset import Dataset
from runner.data.examples import Example
from runner.data.formats import examples_from_rows, wanted_columns
from runner.data.rows import Row, read_rows
from runner.data.skills import skill_examples
from runner.data.splits import split_examples, unique_examples, without
from runner.data.stdlib_docstrings import stdlib_docstrings
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

BUILT_IN_EXAMPLES: Mapping[str, Callable[[], tuple[Example, ...]]] = {
    "skills": skill_examples,
    "stdlib-docstrings": stdlib_docstrings,
}


def load_dataset(section: DatasetSection) -> Dataset:
    """Returns the examples in two parts that share nothing, in an order that depends on their content only.

    Raises:
        ConfigError: a file that is missing or unreadable, rows that fit no format, a part without examples, or a Hub
            data set without the extra `datasets`.
    """
    examples, notes = _source_examples(section)
    if isinstance(section.held_out, Path):
        return _with_held_out_file(section, examples, notes, section.held_out)
    train, held_out = split_examples(examples, section.held_out, max_examples=section.max_examples, name=section.name)
    n_distinct = len(unique_examples(examples))
    if n_distinct < len(examples):
        notes = (*notes, f"{len(examples) - n_distinct} repeated examples were left out")
    return Dataset(section.name, train, held_out, notes)


def _source_examples(section: DatasetSection) -> tuple[list[Example], tuple[str, ...]]:
    if section.builtin is not None:
        return list(BUILT_IN_EXAMPLES[section.builtin]()), ()
    source = str(section.path or section.hub)
    rows = read_rows(section.path, wanted_columns(section)) if section.path else _hub_rows(section)
    examples, note = examples_from_rows(rows, section, source)
    return examples, (note,)


def _with_held_out_file(
    section: DatasetSection, examples: list[Example], notes: tuple[str, ...], path: Path
) -> Dataset:
    rows = read_rows(path, wanted_columns(section))
    measured, note = examples_from_rows(rows, section, str(path))
    held_out = tuple(unique_examples(measured))
    candidates = unique_examples(examples)
    train = without(candidates, held_out)[: section.max_examples]
    if not train:
        raise ConfigError(f"{section.name}: every example is held out in {path} as well; give different files")
    if train[0].kind != held_out[0].kind:
        raise ConfigError(f"{path}: holds {held_out[0].kind} examples, training has {train[0].kind}; use one format")
    n_shared = len(candidates) - len(without(candidates, held_out))
    shared = (f"{n_shared} training examples were left out because they are held out too",) if n_shared else ()
    return Dataset(section.name, train, held_out, (*notes, note, *shared))


def _hub_rows(section: DatasetSection) -> list[Row]:
    """Returns the rows of one split of a Hub data set; its code is never run."""
    try:
        hub = importlib.import_module("datasets")
    except ImportError as error:
        raise ConfigError(
            f"dataset hub:{section.hub} needs the extra `datasets`; run pip install 'ucurve[datasets]', or give a file"
        ) from error
    try:
        table = hub.load_dataset(section.hub, section.subset, split=section.split, revision=section.revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"dataset hub:{section.hub} cannot be loaded: {error}") from error
    return [Row(f"row {number}", record) for number, record in enumerate(table, start=1)]
