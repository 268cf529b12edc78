"""One Delta table: opened lazily, refreshed cheaply, appended to with retries. Only this file talks to deltalake."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from analysis.errors import StoreError
from analysis.store.clustering import (
    GROUP_ROWS,
    SORTED_BY,
    is_full_file,
    merge_actions,
    plan_merges,
    sorted_rows,
    write_merged,
)
from analysis.store.schema import TABLES, arrow_schema

Result = TypeVar("Result")

GRACE_HOURS: Final = 1
"""How long a file stays on disk after compaction replaced it. Our choice: far longer than any one query."""

ABANDONED_HOURS: Final = 7 * 24
"""After this a file that no commit names counts as left by a killed writer. It may also belong to a writer that is
suspended between writing and committing, and deleting that would damage the table: hence days, not the grace time."""

_ATTEMPTS: Final = 12
_FIRST_WAIT_S: Final = 0.02
_CONFIGURATION: Final = {"delta.checkpointInterval": "50", "delta.logRetentionDuration": "interval 2 days"}
"""Checkpoints keep opening fast: at most 50 small log files are read after the newest one."""


@dataclass(frozen=True, slots=True)
class TableState:
    """Which files make up one version of a table; version -1 and no files where it does not exist yet."""

    version: int
    files: tuple[str, ...]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file of a table: absolute path, size and the number of rows that the log promises."""

    path: Path
    size_bytes: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Name of what is appended, so that it is committed once even if it has to be sent twice.

    An append can fail, or be interrupted, after its commit was written; the table remembers each writer's last number.
    """

    writer_id: str
    number: int
    sent_before: bool = False


class Table:
    """Handle of one Delta table; not thread-safe, the store holds the lock."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._delta: DeltaTable | None = None
        self._state: TableState | None = None

    def create(self) -> None:
        """Creates the table unless it exists; safe when several processes do so at once."""
        if self._opened() is None:
            _retried(self._create_once, self._describe("create"))

    def state(self) -> TableState:
        """The newest version and its files."""
        delta = self._opened(refresh=True)
        if delta is None:
            return TableState(-1, (), frozenset())
        if self._state is None or self._state.version != delta.version():
            files = tuple(self._local(uri) for uri in delta.file_uris())
            self._state = TableState(delta.version(), files, frozenset(field.name for field in delta.schema().fields))
        return self._state

    def append(self, rows: pa.Table, batch: Batch | None = None) -> None:
        """Adds rows in one commit; conflicting commits of other processes are retried.

        Args:
            rows: with the columns of the schema. So many that compaction would leave their file alone
                are sorted here: every stretch of the file is then about few names and runs.
            batch: names the rows; a batch that was sent before and has arrived is not added again.

        Raises:
            StoreError: the commit could not be written.
        """
        self.create()
        order = SORTED_BY.get(self.name)
        if order and is_full_file(rows):
            rows = sorted_rows(rows, order)
        _retried(lambda: self._append_once(rows, batch), self._describe("append to"))

    def delete(self, predicate: str) -> None:
        """Takes rows out in one commit; what other processes append meanwhile stays.

        Args:
            predicate: which rows, as SQL over the columns; without text from outside that is not quoted.

        Raises:
            StoreError: the commit could not be written.
        """
        if self._opened(refresh=True) is not None:
            _retried(lambda: self._newest().delete(predicate), self._describe("delete from"))

    def compact(self) -> int:
        """Merges small files and deletes files that nobody has needed for `GRACE_HOURS`; says how many it merged.

        Rows of a table with an order of its own come out sorted.
        """
        if self._opened(refresh=True) is None:
            return 0
        return _retried(self._compact_once, self._describe("compact"))

    def data_files(self) -> list[DataFile]:
        """Every file of the newest version."""
        delta = self._opened(refresh=True)
        if delta is None:
            return []
        actions = pa.table(delta.get_add_actions(flatten=True)).select(["path", "size_bytes", "num_records"])
        return [
            DataFile(Path(self._local(row["path"])), row["size_bytes"], row["num_records"] or 0)
            for row in actions.to_pylist()
        ]

    def _opened(self, *, refresh: bool = False) -> DeltaTable | None:
        try:
            if self._delta is None:
                if not (self.folder / "_delta_log").exists():  # told sooner than by the library, for every snapshot
                    return None
                self._delta = DeltaTable(self.folder)
            elif refresh and not self._is_newest(self._delta.version()):
                self._delta.update_incremental()
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as problem:
            raise StoreError(f"cannot read the table {self.folder}: {problem}") from problem
        return self._delta

    def _is_newest(self, version: int) -> bool:
        """Whether no commit follows: it would be a file of the next number (Delta protocol, "Delta Log Entries").

        Its own file is gone where the log was cleared away meanwhile. Two looks at names, where the library lists the
        log: a look at all tables is made for every rerun of a page.
        """
        log = self.folder / "_delta_log"
        return (log / f"{version:020}.json").exists() and not (log / f"{version + 1:020}.json").exists()

    def _create_once(self) -> None:
        """Creates the table; a process that loses the race to do so finds it there on the next try.

        Without the library's own retries: those would add a second creation as version 1.
        """
        if self._opened() is None:
            self._delta = DeltaTable.create(
                self.folder,
                arrow_schema(TABLES[self.name]),
                mode="ignore",
                configuration=_CONFIGURATION,
                commit_properties=CommitProperties(max_commit_retries=0),
            )

    def _append_once(self, rows: pa.Table, batch: Batch | None) -> None:
        delta = self._newest()
        if batch and batch.sent_before and (delta.transaction_version(batch.writer_id) or 0) >= batch.number:
            return
        named = [Transaction(batch.writer_id, batch.number)] if batch else None
        # Merging the schema costs nothing when there is nothing to add, and lets an older store take new columns.
        write_deltalake(
            delta,
            _plain_text(rows),
            mode="append",
            schema_mode="merge",
            commit_properties=CommitProperties(app_transactions=named),
            writer_properties=WriterProperties(max_row_group_size=GROUP_ROWS),
        )

    def _compact_once(self) -> int:
        order = SORTED_BY.get(self.name)
        merged = self._merge_sorted(order) if order else int(self._newest().optimize.compact()["numFilesRemoved"])
        delta = self._newest()
        for hours, full in ((GRACE_HOURS, False), (ABANDONED_HOURS, True)):
            delta.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=full)
        return merged

    def _merge_sorted(self, order: Sequence[str]) -> int:
        """Merges group by group, each in a commit of its own; leaves the rest to another process that does the same."""
        n_merged = 0
        # Planned once: with a writer at work there is always something new to merge.
        for files in list(plan_merges(self.data_files())):
            schema = pa.schema(self._newest().schema().to_arrow())
            merged = self._write_merged(files, schema, order)
            is_replaced = False
            try:
                is_replaced = _retried(lambda: self._replace(files, merged, schema), self._describe("compact"))  # noqa: B023
            finally:
                if not is_replaced:
                    merged.unlink(missing_ok=True)
            if not is_replaced:
                break
            n_merged += len(files)
        return n_merged

    def _replace(self, files: Sequence[DataFile], merged: Path, schema: pa.Schema) -> bool:
        """Commits that `merged` takes the place of `files`; not if another compaction has taken one of them meanwhile.

        Adding their rows again would double them. Without the library's own retries, so that the files are looked for
        before each try.
        """
        delta = self._newest()
        if not {file.path.name for file in files} <= {Path(uri).name for uri in delta.file_uris()}:
            return False
        once = CommitProperties(max_commit_retries=0)
        delta.create_write_transaction(merge_actions(merged, files), "append", schema, commit_properties=once)
        return True

    def _write_merged(self, files: Sequence[DataFile], schema: pa.Schema, order: Sequence[str]) -> Path:
        try:
            return write_merged(files, schema, order)
        except pa.ArrowException as problem:
            raise StoreError(
                f"{self._describe('compact')}: {problem}; `ucurve store check` names the file"
            ) from problem

    def _newest(self) -> DeltaTable:
        delta = self._opened(refresh=True)
        if delta is None:
            raise StoreError(f"the table {self.folder} has disappeared")
        return delta

    def _describe(self, verb: str) -> str:
        return f"cannot {verb} the table {self.folder}"

    def _local(self, uri: str) -> str:
        """Path of a data file. The log's URI is percent-encoded, and all files lie directly in the table's folder."""
        return str(self.folder / Path(uri).name)


def _plain_text(rows: pa.Table) -> pa.RecordBatchReader:
    """The rows, a stretch at a time, dictionaries as text: other readers must find the types that the log promises."""
    schema = pa.schema(
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in rows.schema
    )
    stretches = (batch.cast(schema) for batch in rows.to_batches(max_chunksize=GROUP_ROWS))
    return pa.RecordBatchReader.from_batches(schema, stretches)


def _retried(action: Callable[[], Result], failure: str) -> Result:
    """Result of `action`, tried again after a conflict with a random pause that grows."""
    for attempt in range(_ATTEMPTS):
        try:
            return action()
        except CommitFailedError as problem:
            if attempt == _ATTEMPTS - 1:
                raise StoreError(f"{failure}: other writers kept it busy ({problem})") from problem
            time.sleep(random.uniform(0.5, 1.0) * _FIRST_WAIT_S * 2 ** min(attempt, 6))  # noqa: S311  no secret in it
        except (DeltaError, OSError) as problem:
            if isinstance(problem, StoreError):
                raise
            raise StoreError(f"{failure}: {problem}") from problem
    raise AssertionError("unreachable")
