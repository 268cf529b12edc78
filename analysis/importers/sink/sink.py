"""Takes runs as they arrive and brings them into a store, several at once, only what is new."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

from analysis.errors import StoreError
from analysis.importers.config_rules import RunMap
from analysis.importers.sink.clean import storable
from analysis.importers.sink.commit import Rows, stored_runs, writing
from analysis.importers.sink.identity import Index, read_index
from analysis.importers.sink.lines import ImportLines, gone_line, gone_row, read_lines
from analysis.importers.sink.outcome import ItemWork, Outcome, item_rows
from analysis.importers.sink.plan import plan_run
from analysis.importers.sink.report import SourceLine
from analysis.importers.source import Item
from analysis.importers.source_run import Refusal, SourceRun
from analysis.store import ImportRow, Store

_LOGGER = logging.getLogger(__name__)

_MOST_RUNS: Final = 100
_MOST_BYTES: Final = 64 * 1024**2
_LONGEST_S: Final = 10.0
"""Runs, bytes and seconds that wait for one commit, our choice: few files, and a killed import reads little again."""
_COMPACT_AT: Final = 300
"""Data files after which they are merged, as `StoreWriter` does."""
_LOOK_EVERY: Final = 10


@dataclass(slots=True)
class _Waiting:
    work: ItemWork
    run: SourceRun
    n_redacted: int


@dataclass(slots=True)
class _Queue:
    """What has arrived and is not in the store yet."""

    runs: list[_Waiting] = field(default_factory=list)
    ended: list[ItemWork] = field(default_factory=list)
    rows: list[ImportRow] = field(default_factory=list)
    n_bytes: int = 0
    since: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        is_old = time.monotonic() - self.since > _LONGEST_S and bool(self.runs)
        return is_old or len(self.runs) >= _MOST_RUNS or self.n_bytes >= _MOST_BYTES


class Sink:
    """A context manager: leaving it writes what waits, also after Ctrl-C; not after an error."""

    def __init__(self, store: Store, run_map: RunMap, on_line: Callable[[SourceLine], None]) -> None:
        self._store = store
        self._run_map = run_map
        self._on_line = on_line
        self._queue = _Queue()
        self._n_flushes = 0
        self.lines: ImportLines = read_lines(store.snapshot())

    def begin(self, item: Item, digest: str, scope: str | None) -> ItemWork:
        """The runs of an item are about to come."""
        return ItemWork(item, digest, scope)

    def take(self, work: ItemWork, run: SourceRun, n_redacted: int) -> None:
        """One run of an item."""
        work.n_runs += 1
        self._queue.runs.append(_Waiting(work, run, n_redacted))
        self._queue.n_bytes += int(run.history.nbytes + run.objects.nbytes)
        if self._queue.is_full:
            self.flush()

    def end(self, work: ItemWork, broken: str | None = None) -> None:
        """No more runs of an item will come: it was read to its end, or broke with a reason."""
        work.broken = broken
        self._queue.ended.append(work)
        if self._queue.is_full:
            self.flush()

    def refuse(self, kind: str, refusal: Refusal, scope: str | None) -> None:
        """Something of which nothing can be taken, found while looking."""
        work = ItemWork(Item(kind=kind, label=refusal.label, digest="", locator={}), None, scope)
        work.refusals.append(refusal)
        self._queue.ended.append(work)

    def lose(self, row: ImportRow) -> None:
        """Something that an earlier import brought in is not at its source any more; its rows stay."""
        self._queue.rows.append(gone_row(row))
        self._on_line(gone_line(row))

    def flush(self) -> None:
        """Writes everything that waits.

        Raises:
            StoreError: the store cannot be read or written; what waits stays.
        """
        queue = self._queue
        if not (queue.runs or queue.ended or queue.rows):
            return
        with writing(self._store):
            rows = self._compared(queue.runs)
            lines = [line for work in queue.ended for line in self._lines_of(work, rows)]
            rows.imports += [row for row in queue.rows if self.lines.changed(row)]
            rows.write(self._store)
        self._queue = _Queue()
        for line in lines:
            self._on_line(line)
        self._compact_now_and_then()

    def _compared(self, waiting: list[_Waiting]) -> Rows:
        """What is new in the runs; where two of them are one, the first is written before the second is compared."""
        rows = Rows()
        while waiting:
            snapshot = self._store.snapshot()
            index = read_index(snapshot)
            group = _different(waiting, index)
            stored = stored_runs(snapshot, sorted(group), index)
            for run_id, one in group.items():
                new = storable(one.run, self._run_map)
                plan = plan_run(run_id, one.run, new, stored[run_id], self._run_map)
                rows.add(plan)
                one.work.outcomes.append(Outcome.of(one.run, plan, new.problems, one.n_redacted))
            del waiting[: len(group)]
            if waiting:
                rows.write(self._store)
                rows = Rows()
        return rows

    def _lines_of(self, work: ItemWork, rows: Rows) -> list[SourceLine]:
        found = item_rows(work, self.lines)
        rows.imports += [row for row in found.rows if self.lines.changed(row)]
        return found.lines

    def _compact_now_and_then(self) -> None:
        """Merges small files. It is a convenience: that it fails must not end an import."""
        self._n_flushes += 1
        if self._n_flushes % _LOOK_EVERY:
            return
        try:
            if self._store.n_files() > _COMPACT_AT:
                self._store.compact()
        except StoreError as problem:
            _LOGGER.warning("could not compact the store: %s", problem)

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            self.flush()


def _different(waiting: list[_Waiting], index: Index) -> dict[str, _Waiting]:
    """The first of the waiting runs, as far as each is another one."""
    group: dict[str, _Waiting] = {}
    marks: set[str] = set()
    for one in waiting:
        run_id = index.run_id_of(one.run)
        # Runs that share a mark are one, which the index only knows once the first of them is in the store.
        if run_id in group or marks & {*one.run.marks}:
            break
        group[run_id] = one
        marks |= {*one.run.marks}
    return group
