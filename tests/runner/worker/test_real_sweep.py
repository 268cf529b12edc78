"""Real sweeps through the queue: interrupted in every way, their table is that of an uninterrupted one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from analysis.store import Store
from runner.job_files import JobStatus
from runner.queue.order import read_order
from runner.queue.queue import Queue
from tests.runner.worker.shop import ME, Shop, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def long_spec(spec_file: Path) -> Path:
    """Four runs of up to about 100 steps; checkpoints every few."""
    text = spec_file.read_text()
    text = text.replace("lora_alpha: 65536, lora_rank: 1, weight_decay: 10", "lora_alpha: 8, lora_dropout: 0.1")
    text = text.replace("learning_rate: [1e-3, 1e-2, 1.0]", "learning_rate: [1e-3, 1e-2]").replace(
        "tokens: 240", "tokens: 700"
    )
    spec_file.write_text(f"{text}\ncheckpoint: {{every_minutes: null, every_steps: 6}}\n")
    return spec_file


def start_worker(shop: Shop) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "worker", f"--store={shop.store}", "--until-idle"],
        env={**os.environ, "UCURVE_SITE": str(shop.site)},
    )


def training_process(worker: subprocess.Popen[bytes]) -> psutil.Process:
    children = psutil.Process(worker.pid).children()
    return next(child for child in children if "sweep" in child.cmdline())


def wait_until_it_trains(shop: Shop, job_id: str, attempt: int) -> None:
    """Until there is a checkpoint of this very attempt, so that the next one has something to go on from."""
    path = shop.attempt(job_id, attempt) / "status.json"

    def is_training() -> bool:
        if not path.exists():
            return False
        status = JobStatus.model_validate_json(path.read_bytes())
        return status.phase == "training" and status.checkpoint_at is not None and status.done_tokens > 0

    wait_for(is_training, f"attempt {attempt} trains")


def losses(location: Path) -> dict[str, tuple[str, str]]:
    results = Store.open(location).snapshot().results("eval_loss")
    return {str(row["run_id"]): (str(row["status"]), float(row["value"]).hex()) for _, row in results.iterrows()}


def test_interrupted_sweep_ends_as_an_uninterrupted_one(shop: Shop, long_spec: Path, tmp_path: Path) -> None:
    job_id = shop.queue.submit(read_order(long_spec), ME, key="one").job_id
    worker = start_worker(shop)
    wait_until_it_trains(shop, job_id, 1)
    worker.terminate()  # systemd restarts it
    assert worker.wait() == 0
    assert shop.job(job_id).state == "queued"
    assert "running" not in {status for status, _ in losses(shop.store).values()}

    worker = start_worker(shop)
    wait_until_it_trains(shop, job_id, 2)
    training_process(worker).kill()  # the machine runs out of memory
    wait_until_it_trains(shop, job_id, 3)
    worker.kill()  # and then this
    worker.wait()

    worker = start_worker(shop)
    assert worker.wait() == 0
    job = shop.job(job_id)
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == (
        "finished",
        ["stopped", "lost", "lost", "finished"],
    )
    assert "going on from" in (shop.attempt(job_id, 4) / "log.txt").read_text()

    straight = Queue.open(tmp_path / "straight", create=True)
    straight.submit(read_order(long_spec), ME, key="two")
    command = [sys.executable, "-m", "runner.cli", "worker", f"--store={tmp_path / 'straight'}", "--until-idle"]
    assert subprocess.run(command, env={**os.environ, "UCURVE_SITE": str(shop.site)}, check=False).returncode == 0
    assert losses(shop.store) == losses(tmp_path / "straight")
    assert {status for status, _ in losses(shop.store).values()} == {"finished"}
