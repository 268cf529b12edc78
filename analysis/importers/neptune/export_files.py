"""The files of an export: each run in parts of its own, or by early versions all runs of a project."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA: Final = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]),
        ),
    ]
)
"""The exporter's columns: its README, section "Parquet schema"."""
_NEEDED: Final = frozenset({"project_id", "run_id", "attribute_path", "attribute_type", "step"})
_PART: Final = re.compile(r"(?P<stem>.*?)_?part_(?P<number>\d+)\.parquet(?P<unfinished>\.tmp)?")


@dataclass(frozen=True, slots=True)
class ExportedFiles:
    """The files of one export of a run (or project).

    Attributes:
        name: The path without number and ending.
        parts: Files in their order.
        missing: Numbers of parts that are not there. The exporter renames its parts when it is done, number 0 last.
        n_unfinished: Parts that it had not finished.
    """

    name: str
    parts: tuple[Path, ...]
    missing: tuple[int, ...]
    n_unfinished: int

    @property
    def reason(self) -> str | None:
        """What is missing, or None."""
        if self.missing or self.n_unfinished:
            numbers = ", ".join(map(str, self.missing)) or "the last"
            return f"the exporter did not finish or files were lost: part {numbers} is missing; export this run again"
        return None


def is_part(name: str) -> bool:
    """Whether a file is called as the exporter calls its files."""
    return _PART.fullmatch(name) is not None


def group_parts(paths: Iterable[Path]) -> Iterator[ExportedFiles]:
    """Puts the parts of each run together; a file with another name, which the user named, stands for itself."""
    numbered: dict[Path, dict[int, Path]] = defaultdict(dict)
    unfinished: dict[Path, set[int]] = defaultdict(set)
    for path in paths:
        match = _PART.fullmatch(path.name)
        if match is None:
            numbered[path][0] = path
        elif match["unfinished"]:
            unfinished[path.parent / match["stem"]].add(int(match["number"]))
        else:
            numbered[path.parent / match["stem"]][int(match["number"])] = path
    for name in sorted({*numbered, *unfinished}):
        parts, left = numbered.get(name, {}), unfinished.get(name, set())
        last = max([*parts, *left])
        missing = tuple(number for number in range(last + 1) if number not in parts)
        yield ExportedFiles(str(name), tuple(parts[number] for number in sorted(parts)), missing, len(left))


def is_export(path: Path) -> bool:
    """Whether a Parquet file has the exporter's columns; a damaged one with its name counts as one."""
    try:
        return set(pq.read_schema(path).names) >= _NEEDED
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return is_part(path.name)


def read_batches(path: Path) -> Iterator[pa.Table]:
    """The rows in tables of `SCHEMA`; a column that a version of the exporter lacks is null.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowException: it is damaged, or none of the exporter's.
        UnicodeDecodeError: a text in it is none.
    """
    with pq.ParquetFile(path) as file:
        if not set(file.schema_arrow.names) >= _NEEDED:
            raise pa.ArrowInvalid("it lacks columns of neptune-exporter")
        for batch in file.iter_batches():
            names = set(batch.schema.names)
            columns = [
                batch.column(column.name).cast(column.type)
                if column.name in names
                else pa.nulls(len(batch), column.type)
                for column in SCHEMA
            ]
            yield pa.table(columns, schema=SCHEMA)
