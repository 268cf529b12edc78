"""Rows of a file as plain mappings with the place they came from. JSONL, JSON, Parquet and plain text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from runner.errors import ConfigError

MAX_PARQUET_ROWS = 5_000_000  # our choice; a footer's byte counts can lie, its row count cannot
MAX_PARQUET_COLUMNS = 2_000
MAX_PARQUET_FOOTER = 16 * 1024 * 1024  # bytes of text in it
MAX_PARQUET_ITEMS = 1_000_000  # entries of a list in it


@dataclass(frozen=True, slots=True)
class Row:
    """One record, or the reason why it is none."""

    place: str
    """`line 12` or `row 12`, 1-based."""
    values: Mapping[str, object]
    problem: str = ""


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Returns the file's rows; what cannot be read as a record becomes a row with a `problem`.

    Args:
        path: the suffix decides: .jsonl (.ndjson), .json, .parquet, .txt.
        columns: the columns worth reading where the format lets us choose (Parquet).

    Raises:
        ConfigError: no such file, another suffix, or a file that is unreadable as a whole.
    """
    readers: Mapping[str, Callable[[], list[Row]]] = {
        ".jsonl": lambda: list(_jsonl_rows(_text(path))),
        ".ndjson": lambda: list(_jsonl_rows(_text(path))),
        ".json": lambda: _json_rows(path),
        ".parquet": lambda: _parquet_rows(path, columns),
        ".txt": lambda: list(_text_rows(_text(path))),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path}: cannot tell the format from the suffix {path.suffix!r}; use {', '.join(readers)}")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; dataset paths start at the folder of the sweep file")
    rows = reader()
    if not rows:
        raise ConfigError(f"{path}: holds no examples; add some")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key appears twice")
    return record


def parse_json(text: str) -> object:
    """Returns the JSON value.

    Raises:
        ValueError: not JSON, NaN or infinities, a key given twice, or nested too deeply.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _jsonl_rows(text: str) -> Iterator[Row]:
    # Not splitlines: JSON strings may hold U+2028 and its kin unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            yield _record(parse_json(line), place)
        except ValueError as error:
            yield Row(place, {}, str(error))


def _record(value: object, place: str) -> Row:
    if isinstance(value, dict):
        return Row(place, value)
    return Row(place, {}, f"must be an object with named fields, got {type(value).__name__}")


def _json_rows(path: Path) -> list[Row]:
    try:
        value = parse_json(_text(path))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; write a list of objects, or one object a line as .jsonl") from error
    if not isinstance(value, list):
        raise ConfigError(f"{path}: must hold a list of objects, got {type(value).__name__}; wrap them in [ ]")
    return [_record(item, f"row {number}") for number, item in enumerate(value, start=1)]


def _parquet_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    import pyarrow as pa  # only those who bring Parquet pay for it
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(
            path,
            thrift_string_size_limit=MAX_PARQUET_FOOTER,
            thrift_container_size_limit=MAX_PARQUET_ITEMS,
            arrow_extensions_enabled=False,
        ) as file:
            names = file.schema_arrow.names
            if file.metadata.num_rows > MAX_PARQUET_ROWS or len(names) > MAX_PARQUET_COLUMNS:
                raise ConfigError(
                    f"{path}: more than {MAX_PARQUET_ROWS} rows or {MAX_PARQUET_COLUMNS} columns; cut it down"
                )
            wanted = [name for name in columns if name in names]
            if not wanted:
                raise ConfigError(
                    f"{path}: has none of the columns {', '.join(columns)}; its columns are {', '.join(names)}"
                )
            records = file.read(columns=wanted).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: not a readable Parquet file ({error}); write it again") from error
    return [Row(f"row {number}", record) for number, record in enumerate(records, start=1)]


def _text_rows(text: str) -> Iterator[Row]:
    """Yields one row per paragraph: lines between blank lines."""
    paragraph: list[str] = []
    start = 1
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            start = start if paragraph else number
            paragraph.append(line)
        elif paragraph:
            yield Row(f"line {start}", {"text": "\n".join(paragraph)})
            paragraph = []
