"""Rows that are waiting, and how they get into the store: several runs in one go, each whole or not at all."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from analysis.errors import StoreError
from analysis.importers.sink.cells import Logged
from analysis.importers.sink.identity import Index
from analysis.importers.sink.plan import Plan, Stored
from analysis.importers.source_run import SourceScore
from analysis.store import EvalRow, ImportRow, RunRow, Snapshot, Store

_LOCK: Final = "import.lock"


@dataclass(slots=True)
class Rows:
    """What one commit of each table gets."""

    metrics: list[pa.Table] = field(default_factory=list)
    objects: list[pa.Table] = field(default_factory=list)
    evals: list[EvalRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    imports: list[ImportRow] = field(default_factory=list)

    def add(self, plan: Plan) -> None:
        """Adds the rows of one run."""
        self.metrics += [] if plan.metrics is None else [plan.metrics]
        self.objects += [] if plan.objects is None else [plan.objects]
        self.evals += plan.evals
        self.runs += [] if plan.row is None else [plan.row]

    def write(self, store: Store) -> None:
        """Appends everything, a run's row after its values and the line of its import last.

        Raises:
            StoreError: the store cannot be written.
        """
        if self.metrics or self.objects or self.evals or self.runs or self.imports:
            store.append(
                metrics=_joined(self.metrics),
                objects=_joined(self.objects),
                evals=self.evals,
                runs=self.runs,
                imports=self.imports,
            )


@contextmanager
def writing(store: Store) -> Iterator[None]:
    """Holds the store against other imports from comparing until written: two at once would both add what is missing.

    The kernel lets go of it when the process ends, however it ends.

    Raises:
        StoreError: the lock cannot be written.
    """
    folder = Path(store.location) / "locks"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / _LOCK).open("a")
    except OSError as problem:
        raise StoreError(f"cannot write into {str(folder)!r}: {problem.strerror}") from problem
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def stored_runs(snapshot: Snapshot, run_ids: list[str], index: Index) -> dict[str, Stored]:
    """What the store has of these runs, also of those whose row a killed import never wrote.

    What runs of the store's own have logged is not read: scores are all that is ever added to them.
    """
    rows = snapshot.run_rows(run_ids)
    read = sorted({*run_ids} - index.own)
    metrics, objects, scores = snapshot.logged(read), snapshot.objects(read), snapshot.scored(run_ids)
    by_run = {name: _by_run(table) for name, table in (("metrics", metrics), ("objects", objects), ("evals", scores))}
    return {
        run_id: Stored(
            rows.get(run_id, {}),
            Logged(
                by_run["metrics"].get(run_id, metrics.slice(0, 0)),
                by_run["objects"].get(run_id, objects.slice(0, 0)),
                _scores(by_run["evals"].get(run_id, scores.slice(0, 0))),
            ),
        )
        for run_id in run_ids
    }


def _by_run(table: pa.Table) -> dict[str, pa.Table]:
    """The rows of each run, in their order."""
    if not len(table):
        return {}
    table = table.sort_by("run_id")
    counts = table.group_by("run_id", use_threads=False).aggregate([([], "count_all")]).sort_by("run_id").to_pylist()
    found, start = {}, 0
    for row in counts:
        found[row["run_id"]] = table.slice(start, row["count_all"])
        start += row["count_all"]
    return found


def _scores(table: pa.Table) -> list[SourceScore]:
    return [
        SourceScore(**{name: value for name, value in row.items() if name != "run_id"}) for row in table.to_pylist()
    ]


def _joined(tables: list[pa.Table]) -> pa.Table | list[object]:
    return pa.concat_tables(tables).unify_dictionaries() if tables else []
