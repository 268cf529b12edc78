"""A file -> a table, by its ending. Nothing here trusts the file: sizes are bounded, bad rows are listed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.table.cells import shown
from analysis.importers.table.delimited import read_delimited
from analysis.importers.table.json_lines import read_json_lines
from analysis.importers.table.parquet import read_parquet
from analysis.importers.table.types import Table, TableRows, UnreadableTableError

_DELIMITED: Final = {".csv": None, ".txt": None, ".tsv": "\t", ".tab": "\t"}
_JSON_LINES: Final = (".jsonl", ".ndjson")
_PARQUET: Final = (".parquet", ".pq")
ENDINGS: Final = (*_DELIMITED, *_JSON_LINES, *_PARQUET)
"""What a file's name may end in."""


def read_table(path: Path, *, name: str | None = None, encoding: str = "utf-8") -> Table:
    """Returns the table in a file; its ending says what kind it is.

    Args:
        path: The file.
        name: What messages and the provenance call it; default: its own name. A folder is never part of it.
        encoding: Of text files; a byte order mark wins.

    Raises:
        ConfigError: the file cannot be read at all: missing, empty, of an unknown kind, without usable headers.
    """
    from analysis.importers.redaction import Redactor  # which needs the words of this package
    from analysis.importers.table.without_secrets import without_secrets

    name = shown(name or path.name)
    try:
        if path.stat().st_size == 0:
            raise UnreadableTableError("it is empty; a table has a line of headers and rows below it")
        headers, found = _read(path, Path(name).suffix.lower(), encoding)
        digest = _sha256(path)
    except OSError as error:
        raise ConfigError(f"{name}: it cannot be read ({error.strerror or error})") from error
    except UnreadableTableError as error:
        raise ConfigError(f"{name}: {error}") from error
    n_rows = len(found.rows) + len(found.problems)
    table = Table(name, digest, tuple(headers), found.lines, found.rows, n_rows, tuple(found.problems))
    return without_secrets(table, Redactor.from_environment())


def _read(path: Path, ending: str, encoding: str) -> tuple[list[str], TableRows]:
    if ending in _DELIMITED:
        return read_delimited(path, encoding, _DELIMITED[ending])
    if ending in _JSON_LINES:
        return read_json_lines(path, encoding)
    if ending in _PARQUET:
        return read_parquet(path)
    raise UnreadableTableError(f"its name must end in one of {', '.join(ENDINGS)}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
