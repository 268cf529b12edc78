"""Small tables, and importing them the short way."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.importers.table import TableImport, TableMap, guess_map, import_table, parse_map, read_table
from analysis.store import Store

Rows = Sequence[Mapping[str, object]]


def do_import(
    store: Store, path: Path, map_text: str | None = None, *, source: str = "table", replace: bool = False
) -> TableImport:
    """Imports a file by a map, or by the guessed one."""
    table = read_table(path)
    table_map = guess_map(table) if map_text is None else parse_map(map_text)
    return import_table(table, table_map, store, source=source, replace=replace)


def write(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text, encoding="utf-8")
    return path


def write_rows(path: Path, rows: Rows) -> Path:
    """The rows in the format of the file's ending; None is blank."""
    headers = list(dict.fromkeys(key for row in rows for key in row))
    if path.suffix == ".jsonl":
        return write(path, "".join(json.dumps(row) + "\n" for row in rows))
    if path.suffix == ".parquet":
        pq.write_table(pa.table({header: [row.get(header) for row in rows] for header in headers}), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(headers)
        writer.writerows([["" if row.get(header) is None else row[header] for header in headers] for row in rows])
    return path


def contents(store: Store) -> dict[str, object]:
    """What the store says, without times and sequence numbers."""
    snapshot = store.snapshot()
    runs = snapshot.run_rows([str(run_id) for run_id in snapshot.runs()["run_id"]])
    hidden = {"seq", "created_at", "updated_at", "provenance_json"}
    ids = list(runs)
    return {
        "runs": {
            run_id: {key: row[key] for key in sorted(row.keys() - hidden)} for run_id, row in sorted(runs.items())
        },
        "metrics": sorted(map(repr, snapshot.logged(ids).to_pylist())),
        "evals": sorted(map(repr, snapshot.scored(ids).to_pylist())),
    }


def empty_map() -> TableMap:
    """A map that says nothing."""
    return parse_map("{}")
