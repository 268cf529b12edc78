"""W&B tables: the log only refers to a file beside it; here the table itself is the logged value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from analysis.importers.result import RowProblem
from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates

TABLE_TYPES: Final = frozenset({"table-file", "incremental-table-file"})
MAX_TABLE_BYTES: Final = 5_000_000
MAX_RUN_BYTES: Final = 100_000_000
"""For all tables of a run. Both our choice: a run is held in memory as a whole."""

Fetch: TypeAlias = Callable[[str, int], bytes]
"""Content of the file at a checked relative path of the run's files; raises `TableError` where it cannot be had or is
longer than that many bytes."""


class TableError(Exception):
    """A table cannot be had; the text says why."""


def with_tables(media: Iterable[MediaValue], fetch: Fetch) -> tuple[list[MediaValue], tuple[RowProblem, ...]]:
    """The values with each table in place of the reference to it, and a problem for each that cannot be had.

    Such a one is left out: a later import that finds it then adds to what is stored and contradicts nothing.
    """
    reader, values, problems = TableReader(fetch), [], []
    for value in media:
        reference = _table_reference(value.text)
        if reference is None:
            values.append(value)
            continue
        try:
            values.append(value._replace(text=reader.read(reference)))
        except TableError as error:
            reason = f"the table of step {value.step} is not in: {error}"
            problems.append(RowProblem(None, value.name, str(reference.get("path")), reason))
    return values, tuple(problems)


def _table_reference(text: str) -> dict[str, object] | None:
    """The value where it refers to a table, else None."""
    if "table-file" not in text:
        return None
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("_type") in TABLE_TYPES else None


class TableReader:
    """Reads the tables of one run, within its limits."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._left = MAX_RUN_BYTES

    def read(self, reference: Mapping[str, object]) -> str:
        """The JSON text of the table that a logged value refers to, as its file has it: bare NaN stays.

        Raises:
            TableError: it cannot be had whole.
        """
        content = self._fetch(checked_path(reference), min(MAX_TABLE_BYTES, self._left))
        said = reference.get("sha256")
        if isinstance(said, str) and said != hashlib.sha256(content).hexdigest():
            raise TableError("its file is not the one that was logged: the checksums differ")
        self._left -= len(content)
        try:
            text = replace_lone_surrogates(content.decode())[0]
            is_table = isinstance(parse_json(text), dict)
        except ValueError:
            is_table = False
        if not is_table:
            raise TableError("its file is no table in JSON")
        return text


def checked_path(reference: Mapping[str, object]) -> str:
    """The path inside the run's files.

    Raises:
        TableError: there is none, or it leads elsewhere.
    """
    path = reference.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise TableError("the log does not say where it is")
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise TableError(f"the path {path!r} leads out of the run's files")
    return path


def fetch_beside(folders: Sequence[Path]) -> Fetch:
    """Fetches from the first of these folders that has the file; links out of a folder are not followed."""

    def fetch(path: str, most: int) -> bytes:
        try:
            for folder in folders:
                place = (folder / path).resolve()
                if place.is_relative_to(folder.resolve()) and place.is_file():
                    return _content(place, most)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise TableError(f"its file {path!r} cannot be read: {error}") from None
        raise TableError(f"there is no file {path!r} beside the log")

    return fetch


def _content(place: Path, most: int) -> bytes:
    with place.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TableError(
            f"it is too large: more than {MAX_TABLE_BYTES // 10**6} MB, or the tables of the run have more than "
            f"{MAX_RUN_BYTES // 10**6} MB together"
        )
    return content
