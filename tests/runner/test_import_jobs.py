from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from analysis.errors import ConfigError
from analysis.store import Store
from runner.import_jobs import (
    ImportJob,
    ImportOrder,
    ImportProgress,
    list_imports,
    read_import,
    start_import,
    stop_import,
)

LOGS = Path(__file__).parents[1] / "analysis" / "importers" / "tinker" / "logs"


def _until_over(store: Path, job_id: str, *, timeout_s: float = 60.0) -> ImportJob:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        job = read_import(store, job_id)
        if job is not None and job.state != "running":
            return job
        time.sleep(0.1)
    raise TimeoutError(job_id)


def _order(**changes: object) -> ImportOrder:
    return ImportOrder(kind="tinker", targets=(str(LOGS),)).model_copy(update=changes)


@pytest.mark.slow
def test_a_preview_writes_nothing_and_the_import_brings_what_it_listed(tmp_path: Path) -> None:
    store = tmp_path / "store"
    preview = _until_over(store, start_import(store, _order(dry_run=True)))
    assert (preview.state, preview.problem) == ("finished", None)
    assert preview.report is not None
    items = preview.report["items"]
    assert isinstance(items, list)
    assert Store.open_if_made(store) is None

    done = _until_over(store, start_import(store, _order()))
    assert done.state == "finished"
    assert done.report is not None
    assert done.report["n_runs"] == len(Store.open(store).snapshot().runs())
    assert len(items) >= len(Store.open(store).snapshot().runs()) > 0
    assert [job.job_id for job in list_imports(store)] == [done.job_id, preview.job_id]


@pytest.mark.slow
def test_a_failed_job_says_why_in_its_own_words(tmp_path: Path) -> None:
    job = _until_over(tmp_path, start_import(tmp_path, _order(targets=("--store=/nowhere",))))
    assert job.state == "failed"
    assert job.report is None
    assert "--store=/nowhere" in str(job.problem)


@pytest.mark.slow
def test_a_stopped_job_is_stopped_not_failed_and_the_next_one_goes_on(tmp_path: Path) -> None:
    job_id = start_import(tmp_path, _order())
    progress = tmp_path / "jobs" / job_id / "progress.jsonl"
    while not progress.exists():
        time.sleep(0.01)
    stop_import(tmp_path, job_id)
    assert _until_over(tmp_path, job_id).state == "stopped"
    assert _until_over(tmp_path, start_import(tmp_path, _order())).state == "finished"


@pytest.mark.slow
def test_the_same_import_is_not_started_twice_and_a_kill_is_seen(tmp_path: Path) -> None:
    first = start_import(tmp_path, _order())
    assert start_import(tmp_path, _order()) == first
    process = json.loads((tmp_path / "jobs" / first / "process.json").read_text())
    os.killpg(process["pid"], signal.SIGKILL)
    assert _until_over(tmp_path, first).state == "failed"
    again = start_import(tmp_path, _order())
    assert again != first
    assert _until_over(tmp_path, again).state == "finished"


def test_another_process_with_the_same_number_is_not_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "import-1"
    folder.mkdir(parents=True)
    (folder / "order.json").write_text(_order().model_dump_json())
    mine = psutil.Process()
    for created, state in ((mine.create_time(), "running"), (mine.create_time() - 100, "failed")):
        (folder / "process.json").write_text(json.dumps({"pid": mine.pid, "created": created, "started_at": 1.0}))
        job = read_import(tmp_path, "import-1")
        assert job is not None
        assert job.state == state


@pytest.mark.parametrize("job_id", ["../import-1", "", "import 1", "x" * 100])
def test_an_id_is_no_path(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ConfigError, match="not the id of a job"):
        read_import(tmp_path, job_id)


def test_damaged_and_missing_jobs_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "import-1"
    folder.mkdir(parents=True)
    (folder / "order.json").write_text("{")
    assert read_import(tmp_path, "import-1") is None
    assert read_import(tmp_path, "import-2") is None
    assert list_imports(tmp_path) == []
    assert list_imports(tmp_path / "none") == []


def test_targets_are_never_taken_for_options() -> None:
    arguments = _order(targets=("--map=x", "a"), options={"since": "--x"}).arguments(Path("s"), Path("p"))
    assert arguments[arguments.index("--") + 1 :] == ["--map=x", "a"]
    assert "--since=--x" in arguments


def test_progress_follows_the_events() -> None:
    progress = ImportProgress()
    for event in (
        {"event": "looking", "kind": "wandb"},
        {"event": "found", "n_items": 2},
        {"event": "listed", "n_items": 3, "n_known": 1},
        {"event": "started", "source": "a", "n_rows_expected": 10},
        {"event": "reading", "source": "a", "n_rows_expected": 10, "n_rows": 4},
    ):
        progress = progress.after(event)
    assert progress == ImportProgress(2, 3, 1, "a", 4, 10)
    assert progress.after({"event": "read"}).n_done == 2
