"""What a process was told is stored, noted outside the store before and after each time: the two must agree later."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa

from analysis.store import Store

LEDGER: Final = "UCURVE_FAULTS_LEDGER"
"""Environment variable: the file to note in."""
Rows: TypeAlias = pa.Table | Iterable[Any]


def keep_ledger(path: str) -> None:
    """Notes from now on what this process asks the store to hold, and what it was told is held."""
    handle, append = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), Store.append

    @functools.wraps(append)
    def noted(self: Store, **rows: Rows) -> None:
        asked = {"metrics": _metrics(rows.get("metrics", ())), "ended": _ended(rows.get("runs", ()))}
        os.write(handle, json.dumps({"asked": asked}).encode() + b"\n")
        append(self, **rows)  # type: ignore[arg-type]
        os.write(handle, json.dumps({"told": asked}).encode() + b"\n")

    Store.append = noted  # type: ignore[method-assign]


def check_ledger(path: Path, store: Store) -> int:
    """What was told is there, once; what is there was asked. Returns how many values were told."""
    asked, told = Counter[str](), Counter[str]()
    ended = dict[str, str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        asked.update(map(str, entry.get("asked", {}).get("metrics", ())))
        told.update(map(str, entry.get("told", {}).get("metrics", ())))
        ended.update(entry.get("told", {}).get("ended", ()))
    snapshot = store.snapshot()
    runs = snapshot.runs().set_index("run_id")
    there = Counter(map(str, _metrics(snapshot.logged(runs.index.tolist()))))
    assert not told - there, f"lost: {list(told - there)[:3]}"
    assert not there - asked, f"made up, or twice: {list(there - asked)[:3]}"
    assert {run_id: runs.loc[run_id, "status"] for run_id in ended} == ended
    return told.total()


def _metrics(rows: Rows) -> list[list[object]]:
    columns = ("run_id", "attempt", "step", "name", "value")
    if isinstance(rows, pa.Table):
        return [[_plain(row[name]) for name in columns] for row in rows.to_pylist()]
    return [[_plain(getattr(row, name)) for name in columns] for row in rows]


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, float) else value


def _ended(rows: Iterable[Any]) -> list[tuple[object, object]]:
    return [(row["run_id"], row["status"]) for row in rows if row.get("status") in ("finished", "diverged")]
