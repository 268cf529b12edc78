"""Several processes on one store: writers beside writers, readers beside compaction, and writers that get killed."""

import time
from pathlib import Path

import pytest

from analysis.store import MetricRow, Store
from analysis.store import tables as tables_module
from tests.analysis.store.processes import CONTEXT, running, train_forever, write_commits


def test_processes_may_create_and_write_one_store_at_once(tmp_path: Path) -> None:
    location, n_commits = str(tmp_path / "store"), 10
    writers = [CONTEXT.Process(target=write_commits, args=(location, f"r{index}", n_commits)) for index in range(3)]
    with running([*writers]):
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = Store.open(location)
    assert store.snapshot().versions[:2] == (3 * n_commits, 3 * n_commits)
    assert list(store.snapshot().results("loss")["n_logged"]) == [n_commits] * 3
    assert store.check() == []


def test_readers_never_fail_beside_writers_and_compaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_module, "GRACE_HOURS", 0)  # the harshest case: old files go at once
    writers = [CONTEXT.Process(target=write_commits, args=(store.location, f"r{index}", 10**6)) for index in range(2)]
    reader, seen = Store.open(store.location), [0]
    with running([*writers]):
        while len(set(seen)) < 6:
            snapshot = reader.snapshot()
            store.compact()
            counts = snapshot.results("loss")
            seen.append(int(counts["n_logged"].sum()))
            assert (counts["n_logged"] > 0).all()
            assert all(writer.is_alive() for writer in writers)
    assert seen == sorted(seen)
    assert reader.snapshot().results("loss")["n_logged"].sum() >= seen[-1]
    assert [problem for problem in store.check() if problem.kind != "orphan_metrics"] == []


@pytest.mark.slow
@pytest.mark.parametrize("n_kills", [12])
def test_a_killed_writer_leaves_a_whole_store(tmp_path: Path, n_kills: int) -> None:
    location = str(tmp_path / "store")
    for attempt in range(n_kills):
        _kill_after(location, f"r{attempt}", 0.013 * attempt**1.5)
    assert Store.open(location, create=True).snapshot().runs()["run_id"].is_unique


def test_a_writer_killed_once_leaves_a_whole_store(tmp_path: Path) -> None:
    _kill_after(str(tmp_path / "store"), "r0", 0.25)


def _kill_after(location: str, run_id: str, delay_s: float) -> None:
    """Kills a training process `delay_s` after its start; every step it had flushed must be there, and whole."""
    flushed = CONTEXT.Queue()
    child = CONTEXT.Process(target=train_forever, args=(location, run_id, flushed))
    with running([child]):
        time.sleep(delay_s)
    acknowledged = -1
    while not flushed.empty():
        acknowledged = flushed.get()
    store = Store.open(location, create=True)
    snapshot = store.snapshot()
    steps = {name: list(snapshot.curves([run_id], name)["step"]) for name in ("loss", "lr_now")}
    assert steps["loss"] == steps["lr_now"] == list(range(len(steps["loss"])))
    assert len(steps["loss"]) > acknowledged
    assert [problem for problem in store.check() if problem.kind != "orphan_metrics"] == []
    store.append(metrics=[MetricRow(f"after-{run_id}", 1, 0, None, None, "loss", 1.0)])
    assert "loss" in store.snapshot().metric_names()
