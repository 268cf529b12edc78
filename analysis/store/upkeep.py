"""Looking after a store: merging small files, saying how big it is, finding what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.store.snapshot import Snapshot
from analysis.store.tables import DataFile, Table

ProblemKind = Literal[
    "unreadable_file",
    "orphan_metrics",
    "orphan_objects",
    "orphan_items",
    "orphan_evals",
    "items_without_score",
    "run_without_metrics",
    "duplicate_metrics",
    "import_without_run",
]

_MOST_NAMED: Final = 100
"""Problems of one kind that are listed; a broken import can make millions."""

_INFO: Final = "SELECT count(DISTINCT run_id) AS n_runs, max(updated_at) AS updated_at FROM {runs}"
_COUNTS: Final = """
SELECT (SELECT count(*) FROM (SELECT DISTINCT kind, label FROM {imports})) AS n_imports,
    (SELECT count(*) FROM (SELECT arg_max(active, seq) AS active FROM {agreements} GROUP BY agreement_id) WHERE active)
    AS n_agreements,
    (SELECT count(*) FROM (SELECT arg_max(active, seq) AS holds FROM {annotations} GROUP BY annotation_id) WHERE holds)
    AS n_annotations
"""

_CHECKS: Final[Mapping[ProblemKind, tuple[str, str]]] = {
    "orphan_metrics": (
        "SELECT run_id, count(*) AS n FROM {metrics} WHERE run_id NOT IN (SELECT run_id FROM {runs}) "
        "GROUP BY run_id ORDER BY run_id",
        "{n} metric rows belong to no run; the run's row was never written",
    ),
    "orphan_objects": (
        "SELECT run_id, count(*) AS n FROM {objects} WHERE run_id NOT IN (SELECT run_id FROM {runs}) "
        "GROUP BY run_id ORDER BY run_id",
        "{n} logged objects belong to no run; the run's row was never written",
    ),
    "orphan_items": (
        "SELECT run_id, count(*) AS n FROM {eval_items} WHERE run_id NOT IN (SELECT run_id FROM {runs}) "
        "GROUP BY run_id ORDER BY run_id",
        "{n} scores of single items belong to no run; the run's row was never written",
    ),
    "orphan_evals": (
        "SELECT run_id, count(*) AS n FROM {evals} WHERE run_id NOT IN (SELECT run_id FROM {runs}) "
        "GROUP BY run_id ORDER BY run_id",
        "{n} benchmark scores belong to no run; the run's row was never written",
    ),
    "items_without_score": (
        "SELECT run_id, benchmark, metric, step, count(*) AS n FROM {eval_items} i WHERE NOT EXISTS (SELECT 1 FROM "
        "{evals} e WHERE e.run_id = i.run_id AND e.attempt = i.attempt AND e.step = i.step "
        "AND e.benchmark = i.benchmark AND e.metric = i.metric) GROUP BY ALL ORDER BY ALL",
        "{n} scores of single items of {benchmark} ({metric}) at step {step} belong to no score",
    ),
    "run_without_metrics": (
        "SELECT run_id, arg_max(status, seq) AS status FROM {runs} GROUP BY run_id "
        "HAVING arg_max(status, seq) IN ('finished', 'diverged') "
        "AND run_id NOT IN (SELECT DISTINCT run_id FROM {metrics}) "
        "AND run_id NOT IN (SELECT run_id FROM {evals}) AND run_id NOT IN (SELECT run_id FROM {objects}) "
        "ORDER BY run_id",
        "the run is {status} but has neither metrics nor benchmark scores",
    ),
    "duplicate_metrics": (
        # Steps are compared run by run first: grouping all rows by their step takes three times the memory.
        "WITH twice AS (SELECT run_id, attempt, name FROM {metrics} GROUP BY ALL "
        "HAVING count(*) > list_unique(list(step))) "
        "SELECT run_id, attempt, name, count(*) AS n FROM (SELECT run_id, attempt, name, step FROM {metrics} "
        "JOIN twice USING (run_id, attempt, name) GROUP BY ALL HAVING count(*) > 1) GROUP BY ALL ORDER BY ALL",
        "{n} steps of {name} in attempt {attempt} were logged more than once",
    ),
    "import_without_run": (
        "SELECT run_id, arg_max(kind, seq) AS kind, arg_max(label, seq) AS label FROM {imports} "
        "WHERE run_id IS NOT NULL AND run_id NOT IN (SELECT run_id FROM {runs}) GROUP BY run_id ORDER BY run_id",
        "the import of {label!r} ({kind}) names this run, which is not in the store",
    ),
}


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What a compaction did: files merged away, and files left over all tables."""

    n_files_merged: int
    n_files: int

    def to_json(self) -> dict[str, object]:
        """JSON-able form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Size and freshness of a store; `updated_at` is None while it has no runs."""

    location: str
    schema_version: int
    versions: tuple[int, int, int]
    n_runs: int
    n_metric_rows: int
    n_eval_rows: int
    n_object_rows: int
    n_item_rows: int
    n_imports: int
    n_agreements: int
    n_annotations: int
    n_files: int
    size_bytes: int
    updated_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """JSON-able form; versions by table name, the time in ISO format."""
        return asdict(self) | {
            "versions": dict(zip(("runs", "metrics", "evals"), self.versions, strict=True)),
            "updated_at": None if self.updated_at is None else self.updated_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class StoreProblem:
    """One thing that is wrong: its kind, where it is (a run id or a file) and a sentence about it."""

    kind: ProblemKind
    where: str
    message: str

    def to_json(self) -> dict[str, object]:
        """JSON-able form."""
        return asdict(self)


def compact(tables: Sequence[Table]) -> CompactResult:
    """Merges the small files of each table."""
    merged = sum(table.compact() for table in tables)
    return CompactResult(merged, sum(len(table.state().files) for table in tables))


def info(location: str, schema_version: int, snapshot: Snapshot, files: Mapping[str, Sequence[DataFile]]) -> StoreInfo:
    """Size and freshness, from the log and one small query."""
    everything = [file for table_files in files.values() for file in table_files]
    runs = snapshot.query(_INFO).to_pylist()[0]
    counts = snapshot.query(_COUNTS).to_pylist()[0]
    return StoreInfo(
        location=location,
        schema_version=schema_version,
        versions=snapshot.versions,
        n_runs=runs["n_runs"],
        n_metric_rows=sum(file.n_rows for file in files["metrics"]),
        n_eval_rows=sum(file.n_rows for file in files["evals"]),
        n_object_rows=sum(file.n_rows for file in files["objects"]),
        n_item_rows=sum(file.n_rows for file in files["eval_items"]),
        n_imports=counts["n_imports"],
        n_agreements=counts["n_agreements"],
        n_annotations=counts["n_annotations"],
        n_files=len(everything),
        size_bytes=sum(file.size_bytes for file in everything),
        updated_at=runs["updated_at"] and runs["updated_at"].astimezone(UTC),
    )


def check(snapshot: Snapshot, files: Mapping[str, Sequence[DataFile]]) -> list[StoreProblem]:
    """Damaged files, else what does not fit together: rows cannot be compared while a file is unreadable."""
    damaged = [problem for table_files in files.values() for file in table_files for problem in _file_problems(file)]
    return damaged or [problem for kind in _CHECKS for problem in _row_problems(snapshot, kind)]


def _file_problems(file: DataFile) -> Iterator[StoreProblem]:
    try:
        n_rows = pq.read_metadata(file.path).num_rows
    except (OSError, pa.ArrowException) as problem:
        yield StoreProblem("unreadable_file", str(file.path), f"the file cannot be read: {problem}")
        return
    if n_rows != file.n_rows:
        yield StoreProblem("unreadable_file", str(file.path), f"it has {n_rows} rows where {file.n_rows} were written")


def _row_problems(snapshot: Snapshot, kind: ProblemKind) -> Iterator[StoreProblem]:
    sql, message = _CHECKS[kind]
    rows = snapshot.query(sql).to_pylist()
    for row in rows[:_MOST_NAMED]:
        yield StoreProblem(kind, row["run_id"], message.format(**row))
    if len(rows) > _MOST_NAMED:
        yield StoreProblem(kind, "", f"and {len(rows) - _MOST_NAMED} more of this kind")
