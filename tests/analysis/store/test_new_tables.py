"""Objects, imports and agreements: tables that a store has once something is in them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from analysis.errors import SchemaError, StoreError
from analysis.store import MetricRow, ObjectRow, Store
from analysis.store.schema import IMPORTS, SCHEMA_VERSION
from analysis.store.tables import Batch, Table

RUN = {"run_id": "r", "status": "finished"}
IMPORT = {"kind": "wandb", "label": "me/p/1", "verdict": "complete"}
AGREEMENT = {"agreement_id": "a", "what": "metric", "value": "v", "counts_as": "eval_loss", "active": True}
OBJECTS = [ObjectRow("r", 1, 0, "text", '"NaN"'), ObjectRow("r", 1, 0, "nothing", "null")]


def folders(store: Store) -> set[str]:
    return {path.name for path in Path(store.location).iterdir() if path.is_dir()}


def test_the_tables_appear_with_their_first_row(store: Store) -> None:
    assert folders(store) == {"runs", "metrics", "evals"}
    assert store.snapshot().imports().empty
    assert store.snapshot().objects(["r"]).num_rows == 0
    store.append(runs=[RUN], metrics=[MetricRow("r", 1, 0, None, None, "loss", 1.0)])
    store.compact()
    assert folders(store) == {"runs", "metrics", "evals"}
    store.append(imports=[IMPORT])
    assert folders(store) == {"runs", "metrics", "evals", "imports"}
    assert list(Store.open(store.location).snapshot().imports()["label"]) == ["me/p/1"]


def test_the_newest_word_on_each_import_counts(store: Store) -> None:
    store.append(imports=[IMPORT | {"verdict": "partial", "rows_got": 3}, IMPORT | {"label": "me/p/2"}])
    store.append(imports=[IMPORT | {"rows_got": 5, "run_id": "r"}, IMPORT | {"kind": "mlflow"}])
    found = store.snapshot().imports()
    assert list(zip(found["kind"], found["label"], strict=True)) == [
        ("mlflow", "me/p/1"),
        ("wandb", "me/p/1"),
        ("wandb", "me/p/2"),
    ]
    assert list(found["rows_got"].fillna(-1)) == [-1, 5, -1]
    assert list(found["verdict"]) == ["complete"] * 3
    store.append(imports=[IMPORT | {"seq": 1, "verdict": "quarantined"}])
    pd.testing.assert_frame_equal(store.snapshot().imports(), found)


def test_imports_have_the_columns_and_types_of_the_schema_also_when_empty(store: Store) -> None:
    empty = store.snapshot().imports()
    store.append(imports=[IMPORT])
    found = store.snapshot().imports()
    assert list(found.columns) == [column.name for column in IMPORTS]
    pd.testing.assert_series_equal(found.dtypes, empty.dtypes)
    assert found.loc[0, "schema_version"] == SCHEMA_VERSION
    assert found["imported_at"].max() > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "fine"}, "verdict .*must be one of complete, partial, quarantined, unverified, got 'fine'"),
        ({"rows_got": -1}, "rows_got .*must be 0 or more"),
        ({"run_id": "My Run"}, "run_id .*must match"),
        ({"details_json": "[]"}, "details_json .*must be one JSON object"),
        ({"label": None}, "label .*needs a value"),
    ],
)
def test_a_wrong_import_is_refused(store: Store, change: dict[str, object], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        store.append(imports=[IMPORT | change])


def test_objects_come_back_as_they_were_logged(store: Store) -> None:
    store.append(objects=OBJECTS)
    names = pa.array(["big"]).dictionary_encode()
    store.append(objects=pa.table({"run_id": ["r"], "attempt": [2], "step": [1], "name": names, "json": ["1" * 40]}))
    store.append(objects=[ObjectRow("other", 1, 0, "text", "1")])
    found = store.snapshot().objects(["r"]).to_pylist()
    expected = [row._asdict() for row in [*OBJECTS, ObjectRow("r", 2, 1, "big", "1" * 40)]]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_batch_is_stored_once_in_every_table(store: Store) -> None:
    batch = Batch("importer", 1, sent_before=True)
    for _ in range(2):
        store.append(objects=OBJECTS, imports=[IMPORT], agreements=[AGREEMENT], runs=[RUN], batch=batch)
    info = store.info()
    assert (info.n_object_rows, info.n_imports, info.n_agreements, info.n_files) == (2, 1, 1, 4)


def test_a_kill_between_the_tables_never_shows_an_import_without_its_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every prefix of the commits is a state that a kill can leave."""
    seen = []
    whole = Table.append
    for n_commits in range(5):
        left = iter(range(n_commits))

        def append(table: Table, rows: pa.Table, batch: Batch | None = None, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StoreError("killed")
            whole(table, rows, batch)

        monkeypatch.setattr(Table, "append", append)
        with pytest.raises(StoreError, match="killed"):
            store.append(
                metrics=[MetricRow("r", 1, n_commits, None, None, "loss", 1.0)],
                objects=OBJECTS,
                runs=[RUN],
                imports=[IMPORT | {"run_id": "r"}],
                agreements=[AGREEMENT],
            )
        snapshot = store.snapshot()
        seen.append((snapshot.objects(["r"]).num_rows > 0, len(snapshot.runs()), len(snapshot.imports())))
    assert seen == [(False, 0, 0), (False, 0, 0), (True, 0, 0), (True, 1, 0), (True, 1, 1)]


def test_the_key_of_a_snapshot_follows_every_table(store: Store) -> None:
    keys = [store.snapshot().key]
    for rows in ({"objects": OBJECTS}, {"imports": [IMPORT]}, {"agreements": [AGREEMENT]}):
        store.append(**rows)
        keys.append(store.snapshot().key)
    assert len(set(keys)) == 4
    assert store.snapshot().versions == (0, 0, 0)


def test_check_finds_objects_and_imports_without_a_run(store: Store) -> None:
    store.append(objects=OBJECTS, imports=[IMPORT | {"run_id": "gone"}, IMPORT | {"label": "refused"}])
    problems = {(problem.kind, problem.where): problem.message for problem in store.check()}
    assert problems.keys() == {("orphan_objects", "r"), ("import_without_run", "gone")}
    assert problems["import_without_run", "gone"].startswith("the import of 'me/p/1' (wandb) names this run")
    store.append(runs=[RUN, RUN | {"run_id": "gone", "status": "lost"}])
    assert store.check() == []  # a run that logged objects only did log something


def test_compaction_merges_the_files_of_all_tables(store: Store) -> None:
    for index in range(3):
        store.append(objects=OBJECTS, imports=[IMPORT | {"rows_got": index}], agreements=[AGREEMENT])
    assert store.compact().n_files == 3
    assert store.snapshot().objects(["r"]).num_rows == 6
    assert list(store.snapshot().imports()["rows_got"]) == [2]


def test_locks_and_jobs_do_not_make_a_folder_foreign(tmp_path: Path) -> None:
    for name in ("locks", "jobs", "artifacts", "imports"):
        (tmp_path / "store" / name).mkdir(parents=True)
    assert Store.open(tmp_path / "store", create=True).snapshot().runs().empty
