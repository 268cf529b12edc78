"""A queue with workers as processes of their own, whose jobs are `fake_job.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from runner.access.local import command_line_person
from runner.queue.job import ENDED, Job
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec

RUN_WORKER = Path(__file__).with_name("run_worker.py")
ME = command_line_person()
_PATIENCE_S = 60.0
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds. The deadline is for a broken build: no test asks how long something took."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {what}")


def is_gone(pid: int) -> bool:
    """Whether nothing of a process runs any more; somebody may still have to wait for it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Shop:
    """A store's queue, and what a test starts for it.

    Args:
        folder: Of the test.
    """

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.store.mkdir()
        self.site = folder / "ucurve.toml"
        self.limit("least_free_bytes = 0")
        self.queue = Queue.open(self.store, create=True)
        self._log = folder / "workers.txt"
        self._workers: list[subprocess.Popen[bytes]] = []
        self._n_submitted = 0

    def limit(self, line: str) -> None:
        """Sets the limits of the site file."""
        self.site.write_text(f"[limits]\n{line}\n", encoding="utf-8")

    def submit(self, what: str, seeds: int = 1) -> str:
        """Submits a job that does this; its id."""
        self._n_submitted += 1
        spec = {
            "name": what,
            "model": "smollm2-135m",
            "dataset": "skills",
            "budget": {"tokens": 100},
            "axes": {"learning_rate": [1e-4]},
            "seeds": seeds,
        }
        order = order_of(parse_sweep_spec(json.dumps(spec), file="test"))
        return self.queue.submit(order, ME, key=f"{what}-{self._n_submitted}").job_id

    def start_worker(self, **options: object) -> subprocess.Popen[bytes]:
        """Starts a worker; see `WorkerOptions`."""
        with self._log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, str(RUN_WORKER), str(self.store), json.dumps(options)],
                stderr=log,
                env={**os.environ, "UCURVE_SITE": str(self.site)},
            )
        self._workers.append(worker)
        return worker

    def work(self, **options: object) -> int:
        """Lets a worker do all that there is; its exit code, which counts failed jobs."""
        return self.start_worker(until_idle=True, **options).wait(_PATIENCE_S)

    def said(self) -> str:
        """What the workers said."""
        return self._log.read_text(encoding="utf-8")

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        job = self.queue.job(job_id)
        assert job is not None
        return job

    def ended(self, job_id: str) -> Job:
        """The job, once it has ended."""
        return wait_for(lambda: job if (job := self.job(job_id)).state in ENDED else None, f"{job_id} ends")

    def attempt(self, job_id: str, number: int = 1) -> Path:
        """Folder of an attempt."""
        return self.queue.job_folder(job_id, number)

    def pid(self, job_id: str, name: str = "ready", number: int = 1) -> int:
        """Number of a process of the job, once it runs and has said so."""
        path = self.attempt(job_id, number) / name
        return int(wait_for(lambda: path.read_text(encoding="utf-8") if path.exists() else None, f"{path} is written"))

    def close(self) -> None:
        """Ends the workers; a test that failed shows what they said."""
        for worker in self._workers:
            sys.stderr.write(f"worker {worker.pid}, exit code {worker.poll()}\n")
            worker.kill()
            worker.wait()
        sys.stderr.write(self.said() if self._log.exists() else "")
