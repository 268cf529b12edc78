import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.errors import StoreError
from analysis.store import EvalRow, MetricRow, Store
from analysis.store import tables as tables_module
from analysis.store.upkeep import StoreProblem
from tests import synthetic

RUN = {"run_id": "r", "status": "finished"}


def metric(step: int, run_id: str = "r") -> MetricRow:
    return MetricRow(run_id, 1, step, None, None, "loss", 1.0)


def kinds(problems: list[StoreProblem]) -> list[tuple[str, str]]:
    return [(problem.kind, problem.where) for problem in problems]


def data_files(store: Store, table: str) -> list[Path]:
    return sorted(Path(store.location, table).glob("*.parquet"))


def test_a_healthy_store_has_no_problems(sweep_store: Store) -> None:
    assert sweep_store.check() == []


def test_an_empty_store_has_no_problems(store: Store) -> None:
    assert store.check() == []


def test_metrics_and_scores_without_a_run_are_found(store: Store) -> None:
    store.append(
        runs=[RUN],
        metrics=[metric(0), metric(0, "lost"), metric(1, "lost")],
        evals=[EvalRow("gone", 1, 0, "b", "m", 0.5)],
    )
    problems = store.check()
    assert kinds(problems) == [("orphan_metrics", "lost"), ("orphan_evals", "gone")]
    assert problems[0].message.startswith("2 metric rows belong to no run")


def test_finished_runs_without_anything_are_found(store: Store) -> None:
    others = [{"run_id": f"o{index}", "status": status} for index, status in enumerate(["queued", "failed", "running"])]
    store.append(
        runs=[RUN, *others, {"run_id": "scored", "status": "finished"}], evals=[EvalRow("scored", 1, 0, "b", "m", 0.5)]
    )
    assert kinds(store.check()) == [("run_without_metrics", "r")]


def test_values_logged_twice_are_found(store: Store) -> None:
    store.append(runs=[RUN], metrics=[metric(0), metric(1), metric(1), metric(1), metric(2), metric(2)])
    problems = store.check()
    assert kinds(problems) == [("duplicate_metrics", "r")]
    assert problems[0].message == "2 steps of loss in attempt 1 were logged more than once"


def test_one_kind_of_problem_does_not_flood_the_report(store: Store) -> None:
    store.append(metrics=[metric(0, f"r{index}") for index in range(130)])
    problems = store.check()
    assert len(problems) == 101
    assert problems[-1].message == "and 30 more of this kind"


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "missing", "swapped"])
def test_a_damaged_file_is_named(store: Store, damage: str) -> None:
    store.append(runs=[RUN], metrics=[metric(0)])
    file = data_files(store, "metrics")[0]
    store.append(metrics=[metric(1), metric(2)])
    other = next(each for each in data_files(store, "metrics") if each != file)
    content = file.read_bytes()
    damaged = {
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "garbage": b"x" * 500,
        "swapped": other.read_bytes(),
    }
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(damaged[damage])
    assert kinds(store.check()) == [("unreadable_file", str(file))]
    if damage != "swapped":
        with pytest.raises(StoreError, match="cannot read the store"):
            store.snapshot().metric_names()


def test_info_counts_what_is_there(sweep_store: Store) -> None:
    info = sweep_store.info()
    files = [file for table in ("runs", "metrics", "evals") for file in data_files(sweep_store, table)]
    assert (info.n_runs, info.n_eval_rows, info.n_files) == (18, 1, 3)
    assert info.n_metric_rows == sum(len(run.metrics) for run in [*synthetic.sweep_runs(), synthetic.other_runs()[0]])
    assert info.size_bytes == sum(file.stat().st_size for file in files)
    assert info.versions == (1, 1, 1)
    assert info.updated_at == sweep_store.snapshot().runs()["updated_at"].max()
    assert info.updated_at is not None
    assert info.updated_at.tzinfo is UTC


def test_info_of_an_empty_store_has_no_time(store: Store) -> None:
    info = store.info()
    assert (info.n_runs, info.n_files, info.size_bytes, info.updated_at) == (0, 0, 0, None)


def test_results_have_a_json_form(sweep_store: Store, store: Store) -> None:
    answer = json.loads(json.dumps(sweep_store.info().to_json()))
    assert answer["versions"] == {"runs": 1, "metrics": 1, "evals": 1}
    assert datetime.fromisoformat(answer["updated_at"]) == sweep_store.info().updated_at
    assert json.loads(json.dumps(store.compact().to_json())) == {"n_files_merged": 0, "n_files": 0}
    store.append(metrics=[metric(0)])
    assert json.loads(json.dumps(store.check()[0].to_json()))["kind"] == "orphan_metrics"


def test_compaction_merges_files_and_changes_no_answer(store: Store) -> None:
    for step in range(6):
        store.append(runs=[RUN], metrics=[metric(step)])
    before = store.snapshot()
    result = store.compact()
    assert (result.n_files_merged, result.n_files) == (12, 2)
    after = store.snapshot()
    assert after.versions[:2] > before.versions[:2]
    assert list(after.curves(["r"], "loss")["step"]) == list(before.curves(["r"], "loss")["step"]) == list(range(6))
    assert len(data_files(store, "metrics")) == 7  # the old ones stay for the grace time
    assert store.compact().n_files_merged == 0


def test_a_snapshot_outlives_the_files_it_was_made_of(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(3):
        store.append(runs=[RUN], metrics=[metric(step)])
    old, used = store.snapshot(), store.snapshot()
    used.metric_names()
    store.compact()
    monkeypatch.setattr(tables_module, "GRACE_HOURS", 0)
    time.sleep(0.01)
    store.compact()
    assert len(data_files(store, "metrics")) == 1
    for snapshot in (old, used):
        assert list(snapshot.curves(["r"], "loss")["step"]) == [0, 1, 2]
        assert snapshot.versions == store.snapshot().versions


def test_files_of_a_killed_writer_are_cleared_away_but_not_those_of_a_suspended_one(store: Store) -> None:
    store.append(metrics=[metric(0)])
    store.append(metrics=[metric(1)])
    fresh, stale = (Path(store.location, "metrics", f"part-{name}.snappy.parquet") for name in ("fresh", "stale"))
    for file in (fresh, stale):
        file.write_bytes(b"half a fi")
    now = time.time()
    os.utime(fresh, (now - 24 * 3600, now - 24 * 3600))
    os.utime(stale, (now - 8 * 24 * 3600, now - 8 * 24 * 3600))
    store.compact()
    assert fresh.exists()
    assert not stale.exists()
