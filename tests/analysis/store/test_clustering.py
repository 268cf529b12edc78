"""Merging files sorts the rows and changes no answer."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.store import MetricRow, Store
from analysis.store import clustering as clustering_module
from analysis.store.clustering import SORTED_BY, plan_merges
from analysis.store.tables import DataFile

_TIMES = st.one_of(st.none(), st.floats(0, 1e9), st.sampled_from([-1.0, 0.5, 1e300]))
_ROWS = st.builds(
    MetricRow,
    run_id=st.sampled_from(["a", "b", "c"]),
    attempt=st.integers(1, 2),
    step=st.one_of(st.integers(0, 3), st.just(2**62)),
    tokens_seen=st.one_of(st.none(), st.integers(0, 100)),
    wall_time=_TIMES,
    name=st.sampled_from(["loss", "Loss", "acc"]),
    value=st.floats(allow_nan=True, allow_infinity=True),
)
# Two values of one step are told apart by their time; where that is equal either may count, so that none repeats here.
_BATCHES = st.lists(st.lists(_ROWS, max_size=8), min_size=1, max_size=4).map(lambda batches: _without_ties(batches))


def _without_ties(batches: list[list[MetricRow]]) -> list[list[MetricRow]]:
    seen: set[tuple[object, ...]] = set()
    kept: list[list[MetricRow]] = []
    for batch in batches:
        kept.append([])
        for row in batch:
            late = row.wall_time is None or abs(row.wall_time) > 1e12
            key = (row.run_id, row.attempt, row.step, row.name, None if late else round(1e6 * (row.wall_time or 0.0)))
            if key not in seen:
                seen.add(key)
                kept[-1].append(row)
    return kept


def _reference(rows: list[MetricRow], metric: str, attempts: dict[str, int]) -> dict[str, tuple[float, int, int, int]]:
    """Last value (-0.0 as 0.0), its step, number of values and of non-finite ones per run: by a plain loop."""
    answers = {}
    for run_id, attempt in attempts.items():
        mine = [row for row in rows if (row.run_id, row.attempt, row.name) == (run_id, attempt, metric)]
        if mine:
            last = max(mine, key=lambda row: (row.step, _lateness(row.wall_time)))
            answers[run_id] = (
                last.value + 0.0,
                last.step,
                len(mine),
                sum(not math.isfinite(row.value) for row in mine),
            )
    return answers


def _lateness(wall_time: float | None) -> float:
    return math.inf if wall_time is None or abs(wall_time) > 1e12 else wall_time


def _answers(store: Store, metric: str) -> dict[str, tuple[float, int, int, int]]:
    results = store.snapshot().results(metric)
    logged = results[results["n_logged"] > 0]
    rows = logged[["value", "value_step", "n_logged", "n_nonfinite"]].itertuples(index=False)
    return {
        str(run_id): (float(row[0]) + 0.0, int(row[1]), int(row[2]), int(row[3]))
        for run_id, row in zip(logged["run_id"], rows, strict=True)
    }


def _same(one: dict[str, tuple[float, int, int, int]], other: dict[str, tuple[float, int, int, int]]) -> bool:
    return repr(sorted(one.items())) == repr(sorted(other.items()))


@settings(max_examples=15)
@given(_BATCHES)
def test_results_are_those_of_a_plain_loop_before_and_after_compaction(batches: list[list[MetricRow]]) -> None:
    attempts = {"a": 1, "b": 2, "c": 1}
    runs = [{"run_id": run_id, "status": "finished", "attempt": attempt} for run_id, attempt in attempts.items()]
    rows = [row for batch in batches for row in batch]
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        store.append(runs=runs)
        for batch in batches:
            store.append(metrics=batch)
        before = {name: _answers(store, name) for name in ("loss", "Loss", "acc")}
        store.compact()
        for name, answers in before.items():
            assert _same(answers, _reference(rows, name, attempts))
            assert _same(_answers(store, name), answers)


def _rows(n: int, run_id: str, name: str) -> list[MetricRow]:
    return [MetricRow(run_id, 1, step, None, None, name, step / 7) for step in range(n)]


def _stored(store: Store) -> pd.DataFrame:
    return pd.DataFrame(store.snapshot().query("SELECT * FROM {metrics}").to_pandas())


def test_a_merged_file_keeps_every_row_and_is_sorted(store: Store) -> None:
    for run_id in ("z", "a"):
        store.append(metrics=[*_rows(5, run_id, "loss"), *_rows(5, run_id, "acc")])
    store.append(
        metrics=[MetricRow("a", 2, 0, 7, 1.5, "acc", math.nan), MetricRow("a", 1, 0, 7, 1.5, "acc", -math.inf)]
    )
    before = _stored(store)
    assert store.compact().n_files_merged == 3
    after = _stored(store)
    keys = list(after.columns)
    pd.testing.assert_frame_equal(
        before.sort_values(keys, ignore_index=True), after.sort_values(keys, ignore_index=True)
    )
    order = list(SORTED_BY["metrics"])
    assert after[order].equals(after[order].sort_values(order, ignore_index=True))


def test_large_files_are_not_written_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering_module, "_FILE_ROWS", 10)
    for run_id in ("a", "b", "c"):
        store.append(metrics=_rows(6, run_id, "loss"))
    assert store.compact().n_files_merged == 2
    assert store.compact().n_files_merged == 0
    store.append(metrics=_rows(6, "d", "loss"))
    assert store.compact().n_files_merged == 2
    assert sorted(_stored(store).groupby("run_id").size().items()) == [(name, 6) for name in "abcd"]
    assert store.check()[0].kind == "orphan_metrics"


def _file(n_rows: int) -> DataFile:
    return DataFile(Path(f"part-{n_rows}.parquet"), 100, n_rows)


@given(st.lists(st.integers(0, 2_500_000), max_size=12))
def test_a_plan_merges_each_small_file_once_and_no_large_one(sizes: list[int]) -> None:
    groups = list(plan_merges([_file(n_rows) for n_rows in sizes]))
    merged = sorted(file.n_rows for group in groups for file in group)
    small = sorted(size for size in sizes if size < 1_000_000)
    assert merged == small or (len(merged) == len(small) - 1 and set(merged) <= set(small)) or not merged
    for group in groups:
        assert len(group) > 1
        assert sum(file.n_rows for file in group[:-1]) < 1_000_000


def test_older_files_without_a_column_are_merged_with_nulls(tmp_path: Path) -> None:
    import pyarrow as pa

    from analysis.store.clustering import write_merged

    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    pq.write_table(pa.table({"name": pa.array(["b", "a"], pa.large_string())}), old)
    pq.write_table(pa.table({"name": ["c"], "added": [1]}), new)
    schema = pa.schema({"name": pa.string(), "added": pa.int64()})
    merged = write_merged([DataFile(old, 1, 2), DataFile(new, 1, 1)], schema, ["name"])
    assert pq.read_table(merged).to_pydict() == {"name": ["a", "b", "c"], "added": [None, None, 1]}


def test_an_append_between_reading_and_committing_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for run_id in ("a", "b"):
        store.append(metrics=_rows(3, run_id, "loss"))
    other = Store.open(store.location)
    write = clustering_module.write_merged

    def write_while_another_appends(*arguments: object) -> Path:
        other.append(metrics=_rows(3, "c", "loss"))
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("analysis.store.tables.write_merged", write_while_another_appends)
    store.compact()
    assert len(_stored(store)) == 9
    assert len(store.snapshot().curves(["c"], "loss")) == 3


def test_two_compactions_at_once_lose_and_double_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for run_id in ("a", "b"):
        store.append(metrics=_rows(3, run_id, "loss"))
    other = Store.open(store.location)
    write = clustering_module.write_merged
    raced: list[int] = []

    def write_while_another_compacts(*arguments: object) -> Path:
        if not raced:
            raced.append(1)
            other.compact()
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("analysis.store.tables.write_merged", write_while_another_compacts)
    assert store.compact().n_files_merged == 0
    assert len(_stored(store)) == 6
    assert store.n_files() == 1
    assert len(list(Path(store.location, "metrics").glob("*.parquet"))) == 3
