"""A store: one folder of append-only Delta tables, read as snapshots, written in whole commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa

from analysis.errors import StoreError
from analysis.store import marker, upkeep
from analysis.store.arrow_rows import checked_table
from analysis.store.duck import connect
from analysis.store.rows import to_arrow
from analysis.store.schema import (
    ALWAYS_THERE,
    SCHEMA_VERSION,
    TABLES,
    AgreementRow,
    AnnotationRow,
    EvalItemRow,
    EvalRow,
    ImportRow,
    Measured,
    MetricRow,
    ObjectRow,
    RunRow,
)
from analysis.store.snapshot import Snapshot, SnapshotState
from analysis.store.tables import Batch, DataFile, Table

NamedRow: TypeAlias = MetricRow | ObjectRow | EvalItemRow | EvalRow

_READ_ORDER: Final = ("imports", "runs", "evals", "eval_items", "objects", "metrics", "agreements", "annotations")


class Store:
    """Handle of one store. Open it once per process and share it: threads may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marker = marker.read_marker(folder)
        self._tables = self._new_tables()
        self._lock = threading.RLock()
        self._connection = connect(folder)
        self._last_seq = 0

    @classmethod
    def open(cls, location: str | Path, *, create: bool = False) -> Store:
        """The store at `location`.

        Args:
            location: a local folder.
            create: make the store if the folder is missing or empty; an existing store is opened as it is.

        Raises:
            StoreError: there is no store (without `create`), or the folder holds something else (with it).
        """
        folder = marker.local_folder(location)
        if create and not (folder / marker.MARKER).exists():
            marker.create_marker(folder)
        store = cls(folder)
        if create:
            for name in ALWAYS_THERE:
                store._tables[name].create()
        return store

    @classmethod
    def open_if_made(cls, location: str | Path) -> Store | None:
        """The store at `location`, or None where nobody has made one yet: for looking before the first import.

        Raises:
            StoreError: the folder holds something else.
        """
        return cls.open(location) if marker.is_made(marker.local_folder(location)) else None

    @property
    def location(self) -> str:
        """Absolute path of the store's folder."""
        return str(self._folder)

    def snapshot(self) -> Snapshot:
        """A consistent view of what is committed now.

        Raises:
            StoreError: a table cannot be read.
        """
        return Snapshot(self._state(), self._connection, self._state)

    def append(
        self,
        *,
        runs: Sequence[RunRow] = (),
        metrics: Sequence[MetricRow] | pa.Table = (),
        objects: Sequence[ObjectRow] | pa.Table = (),
        eval_items: Sequence[EvalItemRow] | pa.Table = (),
        evals: Sequence[EvalRow] = (),
        imports: Sequence[ImportRow] = (),
        agreements: Sequence[AgreementRow] = (),
        annotations: Sequence[AnnotationRow] = (),
        batch: Batch | None = None,
    ) -> None:
        """Adds rows, one commit per table that gets any: metrics, objects, items, evals, runs, imports, in this order.

        So a run that is said to be finished has all its metrics, a score has its items, and a run that is said to be
        imported is there. `seq`, the time of writing and `schema_version` are filled in where rows lack them. All rows
        are checked before the first commit. A table that already has the `batch` is left alone, so a batch can be sent
        again after a failure.

        Metrics, objects and items can come as one Arrow table with columns of these names, those that may be missing
        left out at will; a million rows take about a second so. Texts may be dictionaries.

        Raises:
            SchemaError: a row does not fit; names column, value and run.
            StoreError: a commit failed for good, or a newer Ucurve wrote this store.
        """
        new_rows = {
            "metrics": _table("metrics", metrics),
            "objects": _table("objects", objects),
            "eval_items": _table("eval_items", eval_items),
            "evals": _table("evals", evals),
            "runs": _table("runs", [self._stamped(row) for row in runs]),
            "imports": _table("imports", [self._stamped(row, "imported_at") for row in imports]),
            "agreements": _table("agreements", [self._stamped(row, "updated_at") for row in agreements]),
            "annotations": _table("annotations", [self._stamped(row, "created_at") for row in annotations]),
        }
        with self._lock:
            self._claim_schema()
            for name, table in new_rows.items():
                if len(table):
                    self._tables[name].append(table, batch)

    def drop_scores(self, measured: Iterable[Measured]) -> None:
        """Takes out what runs got on benchmarks, and by item, before they are scored anew.

        A kill between this and the scores that take their place leaves a run without a score, never with two.

        Raises:
            StoreError: the store cannot be written.
        """
        predicate = " OR ".join(f"({each.predicate()})" for each in measured)
        if not predicate:
            return
        with self._lock:
            self._claim_schema()
            for name in ("evals", "eval_items"):
                self._tables[name].delete(predicate)

    def next_seq(self, after: int = 0) -> int:
        """A `seq` larger than `after` and than any this handle gave out.

        Nanoseconds since 1970: processes that know nothing of each other get increasing numbers, and no counter has to
        be kept anywhere. Clocks can step back or differ between hosts, so whoever continues
        a run passes its last `seq`.
        """
        with self._lock:
            self._last_seq = max(time.time_ns(), self._last_seq + 1, after + 1)
            return self._last_seq

    def compact(self) -> upkeep.CompactResult:
        """Merges small files; old ones stay for a grace time, so readers keep working.

        Raises:
            StoreError: the store cannot be written.
        """
        with self._lock:
            return upkeep.compact(list(self._tables.values()))

    def info(self) -> upkeep.StoreInfo:
        """Size and freshness of the store."""
        snapshot = self.snapshot()
        return upkeep.info(self.location, self._marker.schema_version, snapshot, self._data_files())

    def check(self) -> list[upkeep.StoreProblem]:
        """Everything that is wrong with the stored data; an empty list is good news."""
        snapshot = self.snapshot()
        return upkeep.check(snapshot, self._data_files())

    def n_files(self) -> int:
        """Number of data files in the newest versions; many small ones make reading slow until `compact`."""
        return sum(len(table.files) for table in self._state().tables.values())

    def _state(self) -> SnapshotState:
        """The newest versions, in the reverse of the order in which writers commit: every run seen has its metrics."""
        with self._lock:
            self._look_again()
            tables = {name: self._tables[name].state() for name in _READ_ORDER}
            return SnapshotState(self._marker.store_id, tables)

    def _data_files(self) -> dict[str, list[DataFile]]:
        with self._lock:
            return {name: table.data_files() for name, table in self._tables.items()}

    def _new_tables(self) -> dict[str, Table]:
        return {name: Table(name, self._folder / name) for name in TABLES}

    def _look_again(self) -> None:
        """Notices that the store was deleted, or deleted and made anew, since the last look."""
        found = marker.read_marker(self._folder)
        if found.store_id != self._marker.store_id:
            self._tables = self._new_tables()
        self._marker = found

    def _claim_schema(self) -> None:
        """Makes sure that rows of this schema version may be written, and marks an older store as current."""
        self._look_again()
        found = self._marker.schema_version
        if found > SCHEMA_VERSION:
            raise StoreError(
                f"{self.location!r} was written by a newer Ucurve (schema {found}, this one knows {SCHEMA_VERSION}); "
                f"it can be read but not written, update Ucurve"
            )
        if found < SCHEMA_VERSION:
            self._marker = replace(self._marker, schema_version=SCHEMA_VERSION)
            marker.write_marker(self._folder, self._marker)

    def _stamped(self, row: Mapping[str, object], *times: str) -> Mapping[str, object]:
        now = dict.fromkeys(times or ("updated_at", "created_at"), datetime.now(UTC))
        defaults: dict[str, object] = {**now, "schema_version": SCHEMA_VERSION}
        given = {key: value for key, value in row.items() if value is not None}
        if "seq" not in given:
            defaults["seq"] = self.next_seq()
        return defaults | given


def _table(name: str, rows: Sequence[NamedRow] | Sequence[Mapping[str, object]] | pa.Table) -> pa.Table:
    """The rows as an Arrow table with the schema's columns, checked."""
    if isinstance(rows, pa.Table):
        return checked_table(name, TABLES[name], rows)
    plain = [row if isinstance(row, Mapping) else row._asdict() for row in rows]
    return to_arrow(name, TABLES[name], plain)
