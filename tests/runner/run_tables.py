"""Everything about the runs of a sweep that must not depend on interruptions, and what differs in it."""

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

import pandas as pd

from analysis.store import Store, artifact_dir

RunTables: TypeAlias = Mapping[str, Mapping[str, str]]
"""By run id: what it is (a column, a point of a curve, a file) and what it says."""

OWN_COLUMNS: Final = ["seq", "attempt", "created_at", "updated_at", "wall_s", "provenance_json", "peak_memory_bytes"]
"""Columns of a run that say how it came about."""
_MOST_LINES: Final = 12


def tables(store: Store) -> RunTables:
    """Rows, curves of the newest attempts to the last bit, and hashes of the adapters."""
    runs = store.snapshot().runs().set_index("run_id")
    logged = store.snapshot().logged(runs.index.tolist()).to_pandas()
    found = {}
    for run_id, row in runs.iterrows():
        mine = logged[(logged["run_id"] == run_id) & (logged["attempt"] == row["attempt"])]
        columns = {f"column {name}": str(value) for name, value in row.drop(OWN_COLUMNS).items()}
        found[str(run_id)] = columns | _points(mine) | _adapters(store, str(run_id))
    return found


def differences(found: RunTables, expected: RunTables) -> list[str]:
    """What differs, a line each; none where both are the same."""
    lines = [
        f"run {run_id}, {what}: {here.get(what, 'nothing')}, expected {there.get(what, 'nothing')}"
        for run_id in sorted({*found, *expected})
        for here, there in [(found.get(run_id, {}), expected.get(run_id, {}))]
        for what in sorted({*here, *there})
        if here.get(what) != there.get(what)
    ]
    more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return lines[:_MOST_LINES] + more


def check_same(store: Store, expected: RunTables) -> None:
    """The runs of a store are as expected; says in a few lines what is not."""
    lines = differences(tables(store), expected)
    assert not lines, "\n".join(["not as in an undisturbed sweep:", *lines])


def _points(logged: pd.DataFrame) -> dict[str, str]:
    """A point that is there twice says both."""
    points: dict[str, list[str]] = {}
    for name, step, tokens, value in zip(*(logged[c] for c in ("name", "step", "tokens_seen", "value")), strict=True):
        points.setdefault(f"{name} at step {step}", []).append(f"{float(value).hex()} after {tokens} tokens")
    return {point: " and ".join(sorted(values)) for point, values in points.items()}


def _adapters(store: Store, run_id: str) -> dict[str, str]:
    folder = artifact_dir(store, run_id)
    return {
        f"file {path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }
