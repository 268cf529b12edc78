"""The worker that the dashboard of a workstation brings along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.queue.job import ENDED
from runner.queue.order import read_order
from runner.queue.queue import Queue, Worker
from runner.worker.beside import LOG, worker_beside
from tests.runner.worker.shop import ME, Shop, is_gone, wait_for

HOLD = "import sys; from pathlib import Path; from runner.worker.beside import worker_beside\n"
HOLD += "with worker_beside(Path(sys.argv[1]), print): print(sys.stdin.read())"


def _living(queue: Queue) -> list[Worker]:
    return [worker for worker in queue.workers() if worker.is_alive]


def _the_one(queue: Queue) -> Worker:
    return wait_for(lambda: _living(queue), "a worker signs on")[0]


def test_worker_comes_with_the_dashboard_and_ends_after_it(shop: Shop) -> None:
    said: list[str] = []
    with worker_beside(shop.store, said.append):
        worker = _the_one(shop.queue)
        with worker_beside(shop.store, said.append):  # a second dashboard
            assert _living(shop.queue) == [worker]
        assert not is_gone(worker.process.pid)
    wait_for(lambda: is_gone(worker.process.pid), "it ends: nobody looks, nothing is to do")
    assert shop.queue.workers() == []
    assert said == [
        f"A worker does the jobs that are submitted; what it says stands in {shop.queue.folder / LOG}",
        f"Jobs are done by {worker.worker_id}, which runs already.",
    ]
    assert f"{worker.worker_id} ends" in (shop.queue.folder / LOG).read_text()


def test_killed_worker_is_followed_by_another_one(shop: Shop) -> None:
    said: list[str] = []
    with worker_beside(shop.store, said.append):
        first = _the_one(shop.queue)
        os.kill(first.process.pid, signal.SIGKILL)
        wait_for(lambda: [w for w in _living(shop.queue) if w.worker_id != first.worker_id], "another worker signs on")
    assert said[1] == "The worker was ended by signal 9; another one goes on with its job."


def test_worker_ends_after_a_dashboard_that_was_killed(shop: Shop) -> None:
    dashboard = subprocess.Popen([sys.executable, "-c", HOLD, str(shop.store)], stdin=subprocess.PIPE)
    try:
        pid = _the_one(shop.queue).process.pid
    finally:
        dashboard.kill()
        dashboard.communicate()
    wait_for(lambda: is_gone(pid), "it ends by itself")


def test_worker_that_runs_already_is_not_doubled(shop: Shop) -> None:
    shop.start_worker()
    worker = _the_one(shop.queue)
    said: list[str] = []
    with worker_beside(shop.store, said.append):
        assert said == [f"Jobs are done by {worker.worker_id}, which runs already."]
    assert not is_gone(worker.process.pid)


def test_of_two_that_start_at_once_one_ends(shop: Shop) -> None:
    command = [sys.executable, "-m", "runner.cli", "worker", f"--store={shop.store}", "--beside"]
    with worker_beside(shop.store, print):
        worker = _the_one(shop.queue)
        assert subprocess.run(command, check=False).returncode == 0
        assert _living(shop.queue) == [worker]


def test_store_that_cannot_be_written_has_a_dashboard_and_no_worker(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    with worker_beside(tmp_path / "file" / "store", said.append):
        pass
    assert len(said) == 1
    assert said[0].startswith("No worker runs beside the dashboard: ")


def test_why_it_broke_off_stands_in_its_log(shop: Shop) -> None:
    (shop.queue.folder / "queue.db").write_bytes(b"no database, but long enough to be read as one" * 100)
    command = [sys.executable, "-m", "runner.cli", "worker", f"--store={shop.store}", "--beside"]
    assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 2
    assert "is damaged" in (shop.queue.folder / LOG).read_text()


@pytest.mark.slow
def test_real_sweep_goes_on_without_the_dashboard(shop: Shop, spec_file: Path) -> None:
    spec_file.write_text(spec_file.read_text().replace("tokens: 240", "tokens: 2400"))
    said: list[str] = []
    with worker_beside(shop.store, said.append, site_file=shop.site):
        job_id = shop.queue.submit(read_order(spec_file), ME, key="one").job_id
        status = shop.attempt(job_id) / "status.json"
        wait_for(status.exists, "it trains")
        pid = _living(shop.queue)[0].process.pid
    assert said[1:] == [
        f"{job_id} goes on without the dashboard; `ucurve stop {job_id} --store {shop.store}` stops it.",
        f"`ucurve queue --store {shop.store}` shows how far they are.",
    ]
    job = wait_for(lambda: job if (job := shop.job(job_id)).state in ENDED else None, "it ends")
    assert (job.state, job.reason, len(job.attempts)) == ("finished", None, 1)
    wait_for(lambda: is_gone(pid), "then the worker ends")
