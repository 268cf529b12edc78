"""One table into one store: read, mapped, compared with what is there, and only the difference appended."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from analysis.errors import ConfigError
from analysis.importers.result import RowProblem, SourceResult, Verdict
from analysis.importers.table.changes import Changes, Origin, compare
from analysis.importers.table.columns import with_own_names
from analysis.importers.table.identity import DEFAULT_SOURCE, assign_ids, by_trial, run_id_from
from analysis.importers.table.map_text import check_columns, map_to_yaml
from analysis.importers.table.measured import find_measured
from analysis.importers.table.row_reader import RowContent, RowReader
from analysis.importers.table.runs import TableRun, gather_runs
from analysis.importers.table.stored import StoredRun, add_contents, names_in, stored_rows
from analysis.importers.table.table_map import TableMap
from analysis.importers.table.types import Table
from analysis.runs.direction import Direction, direction_of
from analysis.store import ImportRow, Store
from analysis.store.identity import ID_PATTERN
from analysis.store.tables import Batch

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""

_FEW: Final = 3
"""Runs below which more than half of them having changed is no sign of another table (our choice)."""
_LOOK_EVERY: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableImport:
    """What an import did, or would do.

    Attributes:
        result: How much arrived.
        changes: What is appended to the store.
        runs: Run id -> what the table says about it.
        n_absent: Runs of the source that the store has and the table has not; they are left alone.
        problems: Rows and values that are not imported, by line.
        notes: Sentences about what was decided.
        measured: Columns that are no part of what makes two runs replicates.
    """

    result: SourceResult
    changes: Changes
    runs: Mapping[str, TableRun]
    n_absent: int
    problems: Sequence[RowProblem]
    notes: Sequence[str]
    measured: Sequence[str]

    def to_json(self, *, most_problems: int = 1000) -> dict[str, object]:
        """The keys that docs/cli.md promises."""
        return {
            "sources": [self.result.to_json()],
            "n_runs": len(self.runs),
            "n_new": self.changes.n_new,
            "n_changed": self.changes.n_changed,
            "n_extended": self.changes.n_extended,
            "n_unchanged": self.changes.n_unchanged,
            "n_absent": self.n_absent,
            "n_metric_rows": len(self.changes.metrics),
            "n_eval_rows": len(self.changes.evals),
            "measured": list(self.measured),
            "notes": list(self.notes),
            "n_problems": len(self.problems),
            "problems": [problem.to_json() for problem in self.problems[:most_problems]],
        }


def import_table(
    table: Table,
    table_map: TableMap,
    store: Store,
    *,
    source: str = DEFAULT_SOURCE,
    replace: bool = False,
    progress: Progress | None = None,
) -> TableImport:
    """Brings the runs of a table into a store; what is there already is not written again.

    Args:
        table: As `read_table` gives it.
        table_map: What its columns are.
        store: Where to.
        source: Name of the table: runs of two sources are never the same.
        replace: Allow that most of the runs that are there get other values.
        progress: For a progress bar.

    Raises:
        ConfigError: the map does not fit the table, or it looks like another table than the one imported before.
        StoreError: the store cannot be read or written.
    """
    planned = plan_import(table, table_map, store, source=source, replace=replace, progress=progress)
    changes = planned.changes
    verdicts = [line for line in [_verdict_line(table, planned.result, store)] if line is not None]
    if changes.runs or changes.metrics or changes.evals or verdicts:
        if progress is not None:
            progress("Writing", 0.0)
        # The same rows sent twice, by two imports at once, are committed once.
        batch = Batch(_digest(table, table_map, source, changes), 1, sent_before=True)
        store.append(runs=changes.runs, metrics=changes.metrics, evals=changes.evals, imports=verdicts, batch=batch)
    return planned


def _verdict_line(table: Table, result: SourceResult, store: Store) -> ImportRow | None:
    """The newest word on this table, or None where the store has it already, under whatever name of the file."""
    known = store.snapshot().imports()
    facts = result.to_json()
    source = facts.pop("source")
    same = (known["kind"] == "table") & known["label"].str.startswith(f"{source}: ") & (known["digest"] == table.sha256)
    said = known[same].replace({float("nan"): None})
    if any(all(line[key] == value for key, value in facts.items()) for line in said.to_dict("records")):
        return None
    return {"kind": "table", "label": f"{source}: {table.file}", "digest": table.sha256, **facts}


def plan_import(
    table: Table,
    table_map: TableMap,
    store: Store | None,
    *,
    source: str = DEFAULT_SOURCE,
    replace: bool = False,
    progress: Progress | None = None,
) -> TableImport:
    """What `import_table` would do; without a store everything is new.

    Raises:
        ConfigError: as `import_table`.
    """
    if not re.fullmatch(ID_PATTERN, source):
        raise ConfigError(f"the source {source!r} must be small letters, digits, - and _, such as team-b")
    check_columns(table_map, table)
    table_map = with_own_names(table_map, table)
    rows, problems, numeric = _read_rows(table, table_map, progress)
    stored = _stored_rows(store, rows, source)
    known = {name for run in stored.values() for name in names_in(run.provenance, "measured")}
    measured = find_measured(rows, table_map, numeric, known & {*table.headers})
    runs, clashes, _ = gather_runs(rows, table_map, measured, source)
    replicates = _replicates(runs, stored, source, measured)
    _load_contents(store, stored, replicates)
    by_id = assign_ids(runs, stored, source, measured)
    _load_contents(store, stored, by_id.keys() - replicates)
    changes = compare(by_id, stored, _origin(table, table_map, source, measured, runs))
    if not replace:
        _check_same_table(changes, source)
    problems = sorted([*problems, *clashes, *changes.problems], key=lambda problem: problem.line or 0)
    n_got = sum(run.n_rows for run in by_id.values()) - changes.n_refused_rows
    n_absent = sum(run.row.get("source") == source and run_id not in by_id for run_id, run in stored.items())
    return TableImport(
        result=SourceResult(source, *_verdict(table.n_rows, n_got, problems)),
        changes=changes,
        runs=by_id,
        n_absent=n_absent,
        problems=problems,
        notes=[*_notes(measured, table_map, n_absent, source), *_without_results(runs)],
        measured=sorted(measured & {*table.headers}),
    )


def _read_rows(
    table: Table, table_map: TableMap, progress: Progress | None
) -> tuple[list[RowContent], list[RowProblem], set[str]]:
    reader = RowReader(table, table_map)
    rows: list[RowContent] = []
    problems = list(table.problems)
    for number in range(len(table.rows)):
        if progress is not None and number % _LOOK_EVERY == 0:
            progress("Reading rows", number / len(table.rows))
        found = reader.read(number)
        if isinstance(found, RowProblem):
            problems.append(found)
        else:
            rows.append(found)
    return rows, problems, reader.numeric_headers


def _stored_rows(store: Store | None, rows: Sequence[RowContent], source: str) -> dict[str, StoredRun]:
    if store is None:
        return {}
    names = {row.run for row in rows if row.run is not None}
    return stored_rows(store.snapshot(), source, {run_id_from(name, source) for name in names})


def _replicates(runs: Sequence[TableRun], stored: Mapping[str, StoredRun], source: str, measured: Set[str]) -> set[str]:
    """Stored runs of the same trials and seeds as those runs of the table that have no name."""
    trials = {(run.key, run.seed) for run in runs if run.named is None}
    known = by_trial(stored, source, measured) if trials else {}
    return {run_id for trial in trials for run_id in known.get(trial, ())}


def _load_contents(store: Store | None, stored: dict[str, StoredRun], run_ids: Set[str]) -> None:
    if store is not None:
        runs = {run_id: stored.setdefault(run_id, StoredRun({})) for run_id in sorted(run_ids)}
        add_contents(store.snapshot(), runs)


def _origin(
    table: Table, table_map: TableMap, source: str, measured: frozenset[str], runs: Sequence[TableRun]
) -> Origin:
    names = {metric for run in runs for metric, _ in run.metrics}
    guessed: dict[str, Direction] = {name: "max" for name in sorted(names) if direction_of(name) == "max"}
    directions = {**guessed, **table_map.directions}
    return Origin(source=source, file=table.file, sha256=table.sha256, measured=measured, directions=directions)


def _check_same_table(changes: Changes, source: str) -> None:
    n_known = changes.n_changed + changes.n_extended + changes.n_unchanged
    if changes.n_changed >= _FEW and 2 * changes.n_changed > n_known:
        raise ConfigError(
            f"{changes.n_changed} of the {n_known} runs that the store already has from source {source!r} have other "
            f"values here, so this looks like another table; name it with --source NAME (or tell the tables apart by "
            f"a constant in the map), or use --replace if it is a new version of the same table"
        )


def _verdict(n_rows: int, n_got: int, problems: Sequence[RowProblem]) -> tuple[Verdict, int, int, str | None]:
    if not problems and n_got:
        return "complete", n_rows, n_got, None
    if not n_got:
        return "quarantined", n_rows, 0, problems[0].reason if problems else "the table has no rows"
    first = problems[0]
    where = f"line {first.line}: " if first.line else ""
    column = f"{first.column} " if first.column else ""
    verb = "is" if n_rows - n_got == 1 else "are"
    return "partial", n_rows, n_got, f"{n_rows - n_got} of {n_rows} rows {verb} not in; {where}{column}{first.reason}"


def _notes(measured: frozenset[str], table_map: TableMap, n_absent: int, source: str) -> list[str]:
    found = sorted(measured - {*table_map.measured})
    notes = []
    if found:
        notes.append(
            f"Taken as measured, so not part of what makes runs replicates: {', '.join(found)}. "
            f"List a column under config: if it is a setting, under metrics: if it is to be analysed."
        )
    if n_absent:
        notes.append(f"The store has {n_absent} more runs of source {source} that are not in this table; they stay.")
    return notes


def _without_results(runs: Sequence[TableRun]) -> list[str]:
    """The sentence on a table whose runs bring nothing that could be compared, such as one with decimal commas."""
    if not runs or any(run.metrics or run.scores for run in runs):
        return []
    return [
        "No column gave a metric or a benchmark score, so these runs cannot be compared; "
        "name one under metrics: or evals: in a map (numbers are written 2.5, not 2,5)."
    ]


def _digest(table: Table, table_map: TableMap, source: str, changes: Changes) -> str:
    """Names what is appended by where it comes from and by the attempts it makes."""
    rows = [(row["run_id"], row["attempt"]) for row in changes.runs]
    logged = sorted({row[:2] for row in changes.metrics} | {row[:2] for row in changes.evals})
    counts = (len(changes.metrics), len(changes.evals))
    text = repr((table.sha256, map_to_yaml(table_map), source, rows, logged, counts))
    return f"table-{hashlib.sha256(text.encode()).hexdigest()}"
