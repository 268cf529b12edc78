"""A store of an older version of the columns must work as it is, whichever side adds to it first."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from analysis.runs.filters import parse_condition
from analysis.store import MetricRow, Store
from analysis.store.rows import to_arrow
from analysis.store.schema import METRICS, RUNS

LATER = {"group", "tags", "fork_step", "batch_tokens", "created_at", "config_json"}
"""Columns that the older version did not have yet, one of every type."""


@pytest.fixture
def older(tmp_path: Path) -> Store:
    """A store whose runs table lacks some columns, with one run."""
    folder = tmp_path / "store"
    Store.open(folder, create=True)
    columns = tuple(column for column in RUNS if column.name not in LATER)
    old_run = Store.open(folder)._stamped({"run_id": "old", "status": "finished", "learning_rate": 0.1})
    rows = to_arrow("runs", columns, [{key: value for key, value in old_run.items() if key not in LATER}])
    for file in sorted((folder / "runs").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    write_deltalake(folder / "runs", rows)
    return Store.open(folder)


def test_columns_that_a_store_lacks_are_null(older: Store, store: Store) -> None:
    runs = older.snapshot().runs()
    assert runs.loc[0, "learning_rate"] == 0.1
    assert runs[sorted(LATER)].isna().to_numpy().all()
    pd.testing.assert_series_equal(runs.dtypes, store.snapshot().runs().dtypes)
    assert older.snapshot().runs([parse_condition("group=x")]).empty
    assert older.snapshot().config_keys() == []
    assert older.check()[0].kind == "run_without_metrics"


def test_new_rows_add_the_columns_and_old_rows_stay(older: Store) -> None:
    before = older.snapshot()
    older.append(runs=[{"run_id": "new", "status": "queued", "group": "g", "tags": ["t"], "fork_step": 3}])
    runs = older.snapshot().runs().set_index("run_id")
    added = runs[["group", "tags", "fork_step"]].to_dict("index")["new"]
    assert added == {"group": "g", "tags": ("t",), "fork_step": 3}
    assert runs.loc["old", ["group", "tags", "fork_step", "created_at"]].isna().all()
    assert list(before.runs()["run_id"]) == ["old"]
    older.compact()
    pd.testing.assert_frame_equal(older.snapshot().runs().set_index("run_id"), runs)


def test_columns_of_a_later_version_are_ignored(store: Store) -> None:
    rows = to_arrow("metrics", METRICS, [MetricRow("r", 1, 0, None, None, "loss", 1.0)._asdict()])
    later = rows.append_column("device_of_step", pa.array(["gpu:0"]))
    write_deltalake(DeltaTable(Path(store.location) / "metrics"), later, mode="append", schema_mode="merge")
    store.append(metrics=[MetricRow("r", 1, 1, None, None, "loss", 2.0)])
    assert list(store.snapshot().curves(["r"], "loss")["value"]) == [1.0, 2.0]


def test_two_handles_may_add_columns_at_once(older: Store) -> None:
    second = Store.open(older.location)
    second.snapshot()
    for index, handle in enumerate((older, second, older)):
        handle.append(runs=[{"run_id": f"n{index}", "status": "queued", "group": "g"}])
    assert list(second.snapshot().runs()["group"].fillna("-")) == ["g", "g", "g", "-"]
