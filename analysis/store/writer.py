"""What a trainer writes through: values are gathered and committed together, at most every few seconds."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from analysis.errors import SchemaError, StoreError
from analysis.store.rows import check_given
from analysis.store.schema import FINAL_STATUSES, SCHEMA_VERSION, MetricRow, RunRow
from analysis.store.store import Store
from analysis.store.tables import Batch

_LOGGER = logging.getLogger(__name__)

_COMPACT_AT: Final = 300
"""Data files after which a flush also compacts: reading 300 small files still takes well under 0.1 s (our choice)."""
_LOOK_EVERY: Final = 20
"""Flushes between two looks at the number of files."""


@dataclass
class _Parcel:
    """Rows that are sent together, and again under the same number if sending failed."""

    batch: Batch
    metrics: list[MetricRow]
    changes: list[dict[str, object]]


class StoreWriter:
    """Buffers metrics and run states of one process, and commits them in one go.

    A context manager: leaving it flushes. A kill loses at most what was logged since the last flush; a flush that
    failed or was interrupted is repeated by the next one, and nothing is committed twice. Not thread-safe.
    """

    def __init__(
        self, store: Store, *, flush_every_s: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._flush_every_s = flush_every_s
        self._clock = clock
        self._flushed_at = clock()
        self._metrics: list[MetricRow] = []
        self._changes: list[dict[str, object]] = []
        self._outbox: list[_Parcel] = []
        self._states: dict[str, dict[str, object]] = {}
        self._last_batch = Batch(uuid.uuid4().hex, 0)

    def log(
        self, run_id: str, attempt: int, step: int, *, tokens_seen: int, wall_time: float, values: Mapping[str, float]
    ) -> None:
        """Notes the metrics of one step.

        Args:
            run_id: the run.
            attempt: which try of it, from 1.
            step: optimizer steps done, 0-based.
            tokens_seen: trained tokens so far.
            wall_time: seconds since the run started.
            values: metric name -> value; NaN and infinities are kept.

        Raises:
            SchemaError: a value does not fit the schema; nothing of this step is noted.
            StoreError: from the flush that may follow.
        """
        rows = [MetricRow(run_id, attempt, step, tokens_seen, wall_time, name, value) for name, value in values.items()]
        for row in rows:
            check_given("metrics", row._asdict())
        self._metrics += rows
        if self._clock() - self._flushed_at >= self._flush_every_s:
            self.flush()

    def update_run(self, row: RunRow) -> None:
        """Notes a run's new state: the columns in `row` change, all others stay as they were.

        `seq`, `updated_at`, `created_at` and `schema_version` are filled in. A final status is committed at once,
        together with everything logged before.

        Raises:
            SchemaError: `row` has no `run_id` or a value that does not fit the schema; it is not noted.
            StoreError: from the flush that may follow.
        """
        if not isinstance(row.get("run_id"), str):
            raise SchemaError(f"a run's row needs a run_id, got {row.get('run_id')!r} in {dict(row)!r}")
        check_given("runs", row)
        self._changes.append(dict(row) | {"updated_at": datetime.now(UTC)})
        if row.get("status") in FINAL_STATUSES:
            self.flush()

    def flush(self) -> None:
        """Commits everything noted so far; after a failure what was not committed stays noted.

        Raises:
            SchemaError: a new run has no status.
            StoreError: the store cannot be written.
        """
        if self._metrics or self._changes:
            self._last_batch = replace(self._last_batch, number=self._last_batch.number + 1)
            self._outbox.append(_Parcel(self._last_batch, self._metrics, self._changes))
            self._metrics, self._changes = [], []
        while self._outbox:
            self._send(self._outbox[0])
            self._outbox.pop(0)
        self._flushed_at = self._clock()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def _send(self, parcel: _Parcel) -> None:
        rows = self._whole_rows(parcel.changes)
        batch, parcel.batch = parcel.batch, replace(parcel.batch, sent_before=True)
        self._store.append(metrics=parcel.metrics, runs=rows, batch=batch)
        if batch.number % _LOOK_EVERY == 0:
            self._compact_if_needed()

    def _whole_rows(self, changes: list[dict[str, object]]) -> list[RunRow]:
        """One whole row per noted change: a run's newest row, from here or from the store, with the change applied."""
        unknown = {str(change["run_id"]) for change in changes} - self._states.keys()
        if unknown:
            self._states |= self._store.snapshot().run_rows(sorted(unknown))
        rows: list[RunRow] = []
        for change in changes:
            before = self._states.get(str(change["run_id"]), {})
            row = {"created_at": change["updated_at"]} | before | change | {"schema_version": SCHEMA_VERSION}
            last = before.get("seq")
            row["seq"] = self._store.next_seq(after=last if isinstance(last, int) else 0)
            self._states[str(change["run_id"])] = row
            rows.append(row)
        return rows

    def _compact_if_needed(self) -> None:
        """Compacts a store of many small files. It is a convenience: that it fails must not end a training run."""
        try:
            if self._store.n_files() > _COMPACT_AT:
                self._store.compact()
        except StoreError as problem:
            _LOGGER.warning("could not compact the store: %s", problem)
