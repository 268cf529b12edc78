"""One run as files: two Arrow streams and a JSON document, checked when they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from analysis.importers.isolation.parcel_fields import ParcelError, checked_fields
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA, SourceRun

_TABLES: Final = {"history": HISTORY_SCHEMA, "objects": OBJECTS_SCHEMA}
_LONE_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """Text with the halves of characters, which cannot be stored, replaced."""
    return _LONE_SURROGATES.sub("\ufffd", text)


def write_parcel(folder: Path, number: int, run: SourceRun) -> None:
    """Writes a run; the JSON document last, so that a parcel with one is whole.

    Raises:
        OSError: a file cannot be written.
        ValueError: the run holds what JSON cannot, such as a structure that contains itself.
    """
    for name in _TABLES:
        _write_table(folder / f"{number}.{name}", getattr(run, name))
    plain = {each.name: getattr(run, each.name) for each in fields(run) if each.name not in _TABLES}
    plain["scores"] = [asdict(score) for score in run.scores]
    plain["problems"] = [asdict(problem) for problem in run.problems]
    text = json.dumps(plain, default=_as_json, ensure_ascii=False)
    (folder / f"{number}.json").write_text(whole_text(text), encoding="utf-8")


def read_parcel(folder: Path, number: int) -> SourceRun:
    """The run of a parcel, whose files are deleted.

    Raises:
        ParcelError: it does not fit; says where.
    """
    paths = [folder / f"{number}.{ending}" for ending in ("json", *_TABLES)]
    try:
        content = json.loads(paths[0].read_text(encoding="utf-8"))
        tables = {name: _read_table(path, _TABLES[name]) for path, name in zip(paths[1:], _TABLES, strict=True)}
        return SourceRun(**checked_fields(content), **tables)
    except ParcelError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RecursionError, pa.ArrowException) as problem:
        raise ParcelError(f"{type(problem).__name__}: {problem}") from problem
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # numbers and arrays of numpy
        return value.tolist()
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


def _write_table(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table.unify_dictionaries())


def _read_table(path: Path, schema: pa.Schema) -> pa.Table:
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
        table = reader.read_all()
    if not table.schema.equals(schema):
        raise ParcelError(f"the columns of {path.suffix[1:]} are {table.schema.names} with other types or names")
    table.validate(full=True)
    for name in schema.names:
        if name not in ("tokens_seen", "wall_time") and table.column(name).null_count:
            raise ParcelError(f"{path.suffix[1:]} has rows without {name}")
    return table
