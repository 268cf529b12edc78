"""The arguments of a run of open-instruct: `hparams.yml`, or a table in its event file."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import yaml

from analysis.importers.tensorboard.event_file import EventFile
from analysis.importers.tensorboard.messages import decode_error, parse_event
from analysis.importers.tensorboard.records import RecordReader

_TABLE: Final = "hyperparameters/text_summary"
_FIRST_EVENTS: Final = 20
"""The table is the first thing that is logged."""
_MARKS: Final = frozenset({"with_tracking", "per_device_train_batch_size"})
"""Arguments of all its training scripts that together no other tool has."""
_LARGEST_BYTES: Final = 1024 * 1024


def settings_files(folder: Path) -> list[Path]:
    """Where Accelerate keeps the arguments: below the folder with the event files."""
    return sorted(folder.glob("*/hparams.yml"))


def arguments_of(folder: Path, files: tuple[Path, ...]) -> dict[str, object] | None:
    """The arguments of the run in a folder of event files; None where it is none of open-instruct.

    Raises:
        OSError: an event file cannot be read.
    """
    for path in settings_files(folder):
        found = _yaml(path)
        if found.keys() >= _MARKS:
            return found
    for path in files:
        found = parse_table(_table(path))
        if found.keys() >= _MARKS:
            return found
    return None


def _yaml(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return {}
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _table(path: Path) -> str:
    found, parse, broken = EventFile(path), parse_event(), decode_error()
    with path.open("rb") as file:
        for record in islice(RecordReader(file, os.fstat(file.fileno()).st_size), _FIRST_EVENTS):
            try:
                found.take(parse(record))
            except broken:
                continue
    return next((text for _, tag, text in found.texts if tag == _TABLE), "")


def parse_table(text: str) -> dict[str, object]:
    r"""The values of a table of Markdown, `|name|value|` a line; a value is Python's, or else text.

    >>> parse_table("|param|value|\n|-|-|\n|learning_rate|2e-05|\n|model|a/b|\n|splits|['train']|")
    {'learning_rate': 2e-05, 'model': 'a/b', 'splits': ['train']}
    """
    found: dict[str, object] = {}
    for line in text.splitlines()[2:]:
        name, _, value = line.strip().removeprefix("|").removesuffix("|").partition("|")
        if name:
            found[name] = _value(value)
    return found


def _value(text: str) -> object:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return value if _is_plain(value) else text


def _is_plain(value: object) -> bool:
    """Whether a configuration can hold it."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, str | int | float)
