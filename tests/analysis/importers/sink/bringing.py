"""Runs of a script straight into a store, without a reading process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.importers.config_rules import NO_MAP, RunMap
from analysis.importers.sink.report import SourceLine
from analysis.importers.sink.sink import Sink
from analysis.importers.source import Item
from analysis.store import Store
from tests.analysis.importers.scripted import run_of

Script = dict[str, Any]


def bring(store: Store, *scripts: Script, run_map: RunMap = NO_MAP) -> list[SourceLine]:
    """Imports the runs, each an item of its own; returns the lines of the report."""
    lines: list[SourceLine] = []
    with Sink(store, run_map, lines.append) as sink:
        for script in scripts:
            run = run_of(script)
            label = str(script.get("item", run.label))
            work = sink.begin(Item(kind=run.kind, label=label, digest="d", locator={}), "d", None)
            sink.take(work, run, 0)
            sink.end(work)
    return lines


def states(lines: list[SourceLine]) -> list[str]:
    return [line.state for line in lines]


def versions(store: Store) -> str:
    """Other whenever anything was appended to any table."""
    return store.snapshot().key


def logged(store: Store) -> dict[tuple[str, int, int, str], float]:
    """Every stored value; says so when one is there twice."""
    run_ids = list(store.snapshot().runs()["run_id"])
    rows = store.snapshot().logged(run_ids).to_pylist()
    found = {(row["run_id"], row["attempt"], row["step"], row["name"]): row["value"] for row in rows}
    assert len(found) == len(rows)
    return found


def contents(store: Store) -> dict[str, list[dict[str, object]]]:
    """All tables without what says when they were written, sorted."""
    snapshot = store.snapshot()
    run_ids = [str(run_id) for run_id in snapshot.runs()["run_id"]]
    lines = snapshot.imports().to_dict("records")
    plain: dict[str, list[dict[str, object]]] = {
        "runs": list(snapshot.run_rows(run_ids).values()),
        "imports": [{str(key): str(value) for key, value in line.items()} for line in lines],
        "metrics": snapshot.logged(run_ids).to_pylist(),
        "objects": snapshot.objects(run_ids).to_pylist(),
        "evals": snapshot.scored(run_ids).to_pylist(),
    }
    stamps = {"seq", "updated_at", "created_at", "imported_at"}
    return {
        name: sorted(({k: v for k, v in row.items() if k not in stamps} for row in table), key=repr)
        for name, table in plain.items()
    }


def points(*values: float, name: str = "loss", start: int = 0) -> list[list[object]]:
    """Values of one metric at successive steps."""
    return [[start + place, name, value] for place, value in enumerate(values)]


def open_store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)
