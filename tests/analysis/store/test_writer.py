import logging
import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import SchemaError, StoreError
from analysis.store import RunRow, Store, StoreWriter
from analysis.store import writer as writer_module
from analysis.store.schema import RUNS
from analysis.store.tables import Batch, Table

VALUES = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CELLS = {
    "string": TEXTS,
    "int64": st.integers(0, 2**63 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "timestamp": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  zone follows
    "list<string>": st.lists(TEXTS, max_size=3),
}  # fmt: skip
OWN = {
    "run_id",
    "seq",
    "status",
    "updated_at",
    "schema_version",
    "config_json",
    "provenance_json",
    "sweep_id",
    "parent_run_id",
}
ROWS = st.fixed_dictionaries(
    {}, optional={column.name: CELLS[column.type] for column in RUNS if column.name not in OWN | {"name"}}
)


class Clock:
    """A clock that only moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("writer") / "store", create=True)


def _log_then_fail(writer: StoreWriter) -> None:
    log(writer, 0)
    raise RuntimeError("boom")


def log(writer: StoreWriter, step: int, value: float = 1.0) -> None:
    writer.log("r", 1, step, tokens_seen=10 * step, wall_time=float(step), values={"loss": value})


@settings(max_examples=20)
@given(values=st.lists(VALUES, min_size=1, max_size=30), cuts=st.sets(st.integers(0, 29)))
def test_what_is_logged_comes_back(shared: Store, values: list[float], cuts: set[int]) -> None:
    run_id = f"r{shared.next_seq()}"
    with StoreWriter(shared) as writer:
        writer.update_run({"run_id": run_id, "status": "running", "attempt": 1})
        for step, value in enumerate(values):
            writer.log(run_id, 1, step, tokens_seen=7 * step, wall_time=0.5 * step, values={"loss": value})
            if step in cuts:
                writer.flush()
        writer.update_run({"run_id": run_id, "status": "finished"})
    found = shared.snapshot().curves([run_id], "loss")
    expected = pd.DataFrame({
        "run_id": pd.array([run_id] * len(values), dtype="str"), "step": range(len(values)),
        "tokens_seen": pd.array([7 * step for step in range(len(values))], dtype="Int64"),
        "wall_time": [0.5 * step for step in range(len(values))], "value": values,
    })  # fmt: skip
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@settings(max_examples=12)
@given(first=ROWS, second=ROWS)
def test_an_update_changes_what_it_names_and_keeps_the_rest(
    shared: Store, first: dict[str, object], second: dict[str, object]
) -> None:
    run_id = f"r{shared.next_seq()}"
    for row in (first | {"status": "running"}, second | {"status": "stopped"}):
        with StoreWriter(shared) as writer:  # a new writer each time, as another process would be
            writer.update_run({"run_id": run_id} | row)
    found = shared.snapshot().run_rows([run_id])[run_id]
    earliest = {"created_at": found["created_at"]}
    assert {key: found.get(key) for key in first | second} == first | second
    assert set(found) == first.keys() | second.keys() | earliest.keys() | {
        "run_id",
        "seq",
        "status",
        "updated_at",
        "schema_version",
    }


def test_values_wait_for_the_time_between_flushes(store: Store) -> None:
    clock = Clock()
    writer = StoreWriter(store, flush_every_s=3.0, clock=clock)
    before = store.snapshot().versions
    clock.now = 2.9
    log(writer, 0)
    assert store.snapshot().versions == before
    clock.now = 3.0
    log(writer, 1)
    assert len(store.snapshot().curves(["r"], "loss")) == 2
    clock.now = 5.9
    log(writer, 2)
    assert len(store.snapshot().curves(["r"], "loss")) == 2


def test_a_flush_is_one_commit_per_table_and_nothing_is_no_commit(store: Store) -> None:
    runs, metrics, evals = store.snapshot().versions
    with StoreWriter(store) as writer:
        for run_id in ("a", "b", "c"):
            writer.update_run({"run_id": run_id, "status": "running"})
            writer.log(run_id, 1, 0, tokens_seen=0, wall_time=0.0, values={"loss": 1.0, "lr_now": 0.1})
        writer.flush()
        writer.flush()
    assert store.snapshot().versions == (runs + 1, metrics + 1, evals)


@pytest.mark.parametrize(
    ("status", "flushes"), [("finished", True), ("diverged", True), ("running", False), ("queued", False)]
)
def test_only_a_final_status_is_committed_at_once(store: Store, status: str, flushes: bool) -> None:
    writer = StoreWriter(store, clock=Clock())
    log(writer, 0)
    writer.update_run({"run_id": "r", "status": status})
    assert (not store.snapshot().runs().empty) == flushes
    assert (store.snapshot().metric_names() == ["loss"]) == flushes


def test_seq_grows_across_writers_even_behind_a_clock_that_ran_ahead(store: Store) -> None:
    ahead = 4 * 10**18
    store.append(runs=[{"run_id": "r", "status": "running", "seq": ahead, "learning_rate": 0.1}])
    with StoreWriter(store) as writer:
        writer.update_run({"run_id": "r", "status": "lost"})
        writer.update_run({"run_id": "r", "status": "queued", "attempt": 2})
    row = store.snapshot().run_rows(["r"])["r"]
    assert (row["seq"], row["status"], row["learning_rate"]) == (ahead + 2, "queued", 0.1)


def test_created_at_is_that_of_the_first_row(store: Store) -> None:
    for status in ("running", "finished"):
        with StoreWriter(store) as writer:
            writer.update_run({"run_id": "r", "status": status})
    run = store.snapshot().runs().iloc[0]
    assert run["created_at"] < run["updated_at"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("table", ["metrics", "runs"])
@pytest.mark.parametrize("failure", [StoreError, KeyboardInterrupt])
def test_a_failed_or_interrupted_flush_loses_nothing_and_repeats_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, table: str, when: str, failure: type[BaseException]
) -> None:
    append, failures = Table.append, iter([failure])

    def failing(self: Table, rows: pa.Table, batch: Batch | None = None) -> None:
        fails = next(failures, None) if self.name == table else None
        if fails is None or when == "after":
            append(self, rows, batch)
        if fails is not None:
            raise fails("disk full")

    monkeypatch.setattr(Table, "append", failing)
    with StoreWriter(store) as writer:
        log(writer, 0)
        with pytest.raises(failure):
            writer.update_run({"run_id": "r", "status": "finished"})
        log(writer, 1)
    assert store.check() == []
    assert list(store.snapshot().runs()["status"]) == ["finished"]
    assert list(store.snapshot().curves(["r"], "loss")["step"]) == [0, 1]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("", 1.0, "column name"),
        ("x" * 300, 1.0, "column name"),
        (7, 1.0, "must be text, got 7"),
        ("x", "2.5", "column value of table metrics must be a number, got '2.5'"),
    ],
)
def test_a_value_that_cannot_be_stored_is_refused_where_it_is_logged(
    store: Store, name: str, value: float, reason: str
) -> None:
    with StoreWriter(store) as writer:
        with pytest.raises(SchemaError, match=reason):
            writer.log("r", 1, 0, tokens_seen=0, wall_time=0.0, values={"loss": 1.0, name: value})
        with pytest.raises(SchemaError, match=r"column lora_rank .* got 'eight' \(run 'r'\)"):
            writer.update_run({"run_id": "r", "status": "running", "lora_rank": "eight"})
        log(writer, 1)
    assert list(store.snapshot().curves(["r"], "loss")["step"]) == [1]
    assert store.snapshot().runs().empty


def test_leaving_the_writer_flushes_even_when_training_failed(store: Store) -> None:
    with pytest.raises(RuntimeError, match="boom"), StoreWriter(store) as writer:
        _log_then_fail(writer)
    assert len(store.snapshot().curves(["r"], "loss")) == 1


@pytest.mark.parametrize("row", [{"status": "running"}, {"run_id": 7, "status": "running"}])
def test_a_row_without_a_run_is_refused_at_once(store: Store, row: RunRow) -> None:
    with pytest.raises(SchemaError, match="needs a run_id"):
        StoreWriter(store).update_run(row)


def test_many_small_files_are_compacted_on_the_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_COMPACT_AT", 5)
    monkeypatch.setattr(writer_module, "_LOOK_EVERY", 2)
    with StoreWriter(store, flush_every_s=0) as writer:
        for step in range(12):
            log(writer, step)
    assert store.n_files() <= 7
    assert list(store.snapshot().curves(["r"], "loss")["step"]) == list(range(12))


def test_a_compaction_that_fails_does_not_end_the_training(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(self: Store) -> None:
        raise StoreError(f"{Path(self.location).name} is busy")

    monkeypatch.setattr(writer_module, "_COMPACT_AT", 0)
    monkeypatch.setattr(writer_module, "_LOOK_EVERY", 1)
    monkeypatch.setattr(Store, "compact", failing)
    with caplog.at_level(logging.WARNING), StoreWriter(store) as writer:
        log(writer, 0)
    assert "could not compact the store: store is busy" in caplog.text
