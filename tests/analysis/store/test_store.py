import shutil
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from analysis.errors import SchemaError, StoreError
from analysis.store import MetricRow, RunRow, Store
from analysis.store import store as store_module
from analysis.store import tables as tables_module
from analysis.store.marker import Marker, read_marker
from analysis.store.schema import FINAL_STATUSES, RUNS, STATUSES
from analysis.store.tables import Batch, Table, TableState

RUN: RunRow = {"run_id": "r1", "status": "running"}


def metric(step: int, *, run_id: str = "r1") -> MetricRow:
    return MetricRow(run_id, 1, step, None, None, "train_loss", 1.0)


def test_a_missing_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere' is not a Ucurve store; the first sweep, launch"):
        Store.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for create in (False, True):
        with pytest.raises(StoreError, match=r"file' is a file, and a store is a folder; name its folder"):
            Store.open(tmp_path / "file", create=create)


def test_the_way_up_is_no_part_of_a_stores_name(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()

    assert Store.open(tmp_path / "here" / ".." / "there", create=True).location == str(tmp_path / "there")


def test_a_folder_with_other_things_is_never_made_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match=r"no Ucurve store but holds 'thesis\.tex'; name another folder"):
        Store.open(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("location", ["s3://bucket/store", "gs://b"])
def test_an_object_store_is_refused_for_now(location: str) -> None:
    with pytest.raises(StoreError, match="must be a local folder for now"):
        Store.open(location, create=True)


@pytest.mark.parametrize("character", "[]|^%\\*?\n")
def test_paths_that_the_storage_libraries_misread_are_refused(tmp_path: Path, character: str) -> None:
    with pytest.raises(StoreError, match="must not contain"):
        Store.open(tmp_path / f"a{character}b", create=True)


@pytest.mark.parametrize("name", ["with space", "it's", 'say "x"', "ünï", "seed=3", "a#b", "a+b", "{c}", "$runs_files"])
def test_other_unusual_paths_work(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path / name, create=True)
    store.append(runs=[RUN], metrics=[metric(0)])
    results = Store.open(tmp_path / name).snapshot().results("train_loss")
    assert list(results["value"]) == [1.0]
    assert results["seed"].isna().all()
    assert store.check() == []


def test_opening_an_existing_store_again_keeps_it(store: Store) -> None:
    store.append(runs=[RUN])
    for create in (True, False):
        assert list(Store.open(store.location, create=create).snapshot().runs()["run_id"]) == ["r1"]


def test_a_half_made_store_opens_and_heals(tmp_path: Path) -> None:
    (tmp_path / "ucurve-store.json").write_text(Marker(1, "x").to_text())
    (tmp_path / "runs" / "_delta_log").mkdir(parents=True)
    store = Store.open(tmp_path)
    assert store.snapshot().runs().empty
    assert store.snapshot().versions == (-1, -1, -1)
    store.append(runs=[RUN], metrics=[metric(0)])
    assert store.snapshot().versions == (1, 1, -1)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": "x"}', "{}", '{"schema_version": 1}'])
def test_a_damaged_marker_is_an_explained_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "ucurve-store.json").write_text(content)
    with pytest.raises(StoreError, match="is damaged; write "):
        Store.open(tmp_path)


def test_a_damaged_commit_log_is_an_explained_error(store: Store) -> None:
    store.append(runs=[RUN])
    (Path(store.location) / "runs" / "_delta_log" / "00000000000000000001.json").write_text('{"add": {"pa')
    with pytest.raises(StoreError, match="cannot read the table"):
        Store.open(store.location).snapshot().runs()


def test_a_newer_store_can_be_read_but_not_written(store: Store) -> None:
    store.append(runs=[RUN])
    Path(store.location, "ucurve-store.json").write_text(Marker(99, "x").to_text())
    newer = Store.open(store.location)
    assert len(newer.snapshot().runs()) == 1
    with pytest.raises(StoreError, match="newer Ucurve"):
        newer.append(runs=[RUN])


def test_an_older_store_is_marked_as_current_by_the_first_append(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SCHEMA_VERSION", 1)
    Path(store.location, "ucurve-store.json").write_text(Marker(0, "x").to_text())
    older = Store.open(store.location)
    assert older.info().schema_version == 0
    older.append(runs=[RUN])
    assert read_marker(Path(store.location)) == Marker(1, "x")


def test_a_store_made_anew_in_the_same_place_is_another_store(store: Store) -> None:
    store.append(runs=[RUN])
    reader = Store.open(store.location)
    before = reader.snapshot()
    shutil.rmtree(store.location)
    with pytest.raises(StoreError, match="is not a Ucurve store"):
        reader.snapshot()
    Store.open(store.location, create=True).append(runs=[{"run_id": "anew", "status": "queued"}])
    assert list(reader.snapshot().runs()["run_id"]) == ["anew"]
    assert reader.snapshot().versions == before.versions
    assert reader.snapshot().key != before.key
    store.append(runs=[{"run_id": "too", "status": "queued"}])
    assert len(reader.snapshot().runs()) == 2


def test_a_bad_row_stops_the_append_before_its_first_commit(store: Store) -> None:
    before = store.snapshot().versions
    with pytest.raises(SchemaError, match="'r1'"):
        store.append(runs=[{**RUN, "lora_rank": "eight"}], metrics=[metric(0)])
    assert store.snapshot().versions == before


def test_metrics_are_committed_before_the_run_that_claims_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Table.append

    def failing(self: Table, rows: pa.Table, batch: Batch | None) -> None:
        if self.name == "runs":
            raise StoreError("disk full")
        append(self, rows, batch)

    monkeypatch.setattr(Table, "append", failing)
    with pytest.raises(StoreError, match="disk full"):
        store.append(runs=[{**RUN, "status": "finished"}], metrics=[metric(0)])
    assert store.snapshot().metric_names() == ["train_loss"]
    assert store.snapshot().runs().empty


def test_a_snapshot_taken_while_runs_finish_has_the_metrics_of_every_run_it_has(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, writer = Table.state, Store.open(store.location)

    def state_then_a_run_finishes(self: Table) -> TableState:
        found, run_id = state(self), f"after-{self.name}"
        writer.append(runs=[{"run_id": run_id, "status": "finished"}], metrics=[metric(0, run_id=run_id)])
        return found

    monkeypatch.setattr(Table, "state", state_then_a_run_finishes)
    for _ in range(2):
        assert (store.snapshot().results("train_loss")["n_logged"] > 0).all()


@pytest.mark.parametrize("n_conflicts", [1, 3, 100])
def test_a_commit_that_others_got_in_the_way_of_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, n_conflicts: int
) -> None:
    append_once, conflicts = Table._append_once, iter(range(n_conflicts))

    def busy(self: Table, rows: pa.Table, batch: Batch | None) -> None:
        if next(conflicts, None) is not None:
            raise CommitFailedError("metadata changed")
        append_once(self, rows, batch)

    monkeypatch.setattr(Table, "_append_once", busy)
    monkeypatch.setattr(tables_module, "_FIRST_WAIT_S", 0.0)
    if n_conflicts < 100:
        store.append(runs=[RUN])
        assert len(store.snapshot().runs()) == 1
    else:
        with pytest.raises(StoreError, match="other writers kept it busy"):
            store.append(runs=[RUN])


def test_nothing_to_append_commits_nothing(store: Store) -> None:
    before = store.snapshot().versions
    store.append()
    assert store.snapshot().versions == before


def test_what_the_caller_gives_is_kept_and_the_rest_is_filled_in(store: Store) -> None:
    store.append(runs=[{**RUN, "seq": 7}, {"run_id": "r2", "status": "queued", "created_at": None}])
    rows = store.snapshot().runs().set_index("run_id")
    seq = rows["seq"].to_dict()
    assert seq["r1"] == 7
    assert seq["r2"] > 10**18
    assert rows[["created_at", "updated_at", "schema_version"]].notna().to_numpy().all()


def test_seq_grows_even_when_the_clock_steps_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.next_seq()
    monkeypatch.setattr(time, "time_ns", lambda: first - 10**9)
    assert first < store.next_seq() < store.next_seq()
    assert store.next_seq(after=first + 10**12) == first + 10**12 + 1


def test_a_snapshot_does_not_change_while_the_store_does(store: Store) -> None:
    store.append(runs=[RUN])
    snapshot = store.snapshot()
    store.append(runs=[{"run_id": "r2", "status": "queued"}])
    assert list(snapshot.runs()["run_id"]) == ["r1"]
    assert store.snapshot().versions != snapshot.versions


def test_the_store_reads_nothing_outside_its_folder(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("a\n1\n")
    with pytest.raises(StoreError, match=r"(?i)permission|disabled"):
        store.snapshot().query("SELECT * FROM read_csv($path)", path=str(outside))
    with pytest.raises(StoreError):
        store.snapshot().query("SET enable_external_access=true")


def test_a_read_only_store_can_be_read(sweep_store: Store) -> None:
    tree = Path(sweep_store.location)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    snapshot = Store.open(sweep_store.location).snapshot()
    assert len(snapshot.results("eval_loss")) == 18
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_every_final_status_is_a_status() -> None:
    assert FINAL_STATUSES < STATUSES
    assert any(column.name == "status" and all(each in column.meaning for each in STATUSES) for column in RUNS)


def test_a_look_without_news_reads_no_log_and_news_of_another_handle_is_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(runs=[{"run_id": "a", "status": "running"}])
    before = store.snapshot()
    reads: list[object] = []
    refresh = DeltaTable.update_incremental

    def noted(table: DeltaTable) -> None:
        reads.append(table)
        refresh(table)

    monkeypatch.setattr(DeltaTable, "update_incremental", noted)

    assert store.snapshot().key == before.key
    assert reads == []

    other = Store.open(store.location)
    for number in range(3):
        other.append(runs=[{"run_id": f"b{number}", "status": "running"}])
    assert sorted(store.snapshot().runs()["run_id"]) == ["a", "b0", "b1", "b2"]
    assert len(reads) >= 1


def test_news_are_seen_where_the_log_between_was_cleared_away(store: Store) -> None:
    store.append(runs=[{"run_id": "a", "status": "running"}])
    assert len(store.snapshot().runs()) == 1

    other = Store.open(store.location)
    for number in range(3):
        other.append(runs=[{"run_id": f"b{number}", "status": "running"}])
    table = DeltaTable(Path(store.location) / "runs")
    table.create_checkpoint()
    for version in range(table.version()):
        (Path(store.location) / "runs" / "_delta_log" / f"{version:020}.json").unlink()

    assert len(store.snapshot().runs()) == 4
