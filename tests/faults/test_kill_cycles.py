"""A sweep whose worker or training process is killed thirty times ends as one that nobody disturbed."""

from __future__ import annotations

import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from runner.queue.job import Job
from tests.faults.bench import ME, SEED, Bench, training_of, wait_for
from tests.faults.ledger import check_ledger
from tests.faults.oracles import Reference, check_queue_file, check_sentence
from tests.faults.warm import Warm
from tests.runner.worker.shop import is_gone

N_KILLS = 30


class Loop:
    """Kills and goes on, sweep after sweep, until there were enough kills.

    Args:
        bench: Store and queue.
        reference: The sweep undisturbed.
    """

    def __init__(self, bench: Bench, reference: Reference) -> None:
        self._bench, self._reference = bench, reference
        self._random = random.Random(SEED)  # noqa: S311 - no secrets
        self.n_kills = self.n_sweeps = self.n_resumed = 0

    def run(self) -> None:
        """Until there were enough kills, and the sweep that was under way has ended."""
        self._bench.set_size(tokens=700)
        while self.n_kills < N_KILLS:
            self.n_sweeps += 1
            self._disturb_one_sweep()
            check_queue_file(self._bench.store)
            self._reference.check(self._bench)
            assert self._bench.opened().check() == []
            assert check_ledger(self._bench.ledger, self._bench.opened()) > 0
            shutil.rmtree(self._bench.store)
            self._bench.ledger.unlink()

    def _disturb_one_sweep(self) -> None:
        job_id = self._bench.submit()
        while True:
            worker = self._bench.start_worker()
            training = training_of(worker)
            if self.n_kills < N_KILLS:
                self._kill_one(worker, training)
            worker.wait()
            check_sentence(worker.said())
            job = self._look_after(job_id)
            if job.state == "finished":
                return
            if job.state == "failed":
                job_id = self._bench.queue.retry(job_id, ME, key=f"again-{self.n_kills}").job_id

    def _kill_one(self, worker: Warm, training: psutil.Process) -> None:
        """At a random moment after so many more checkpoints; after none it is while it loads, or soon after that."""
        n_more, newest = self._random.randrange(4), self._bench.newest_checkpoint()
        pause_s = self._random.uniform(0, 0.05 if n_more else 0.5)
        while not worker.has_ended() and self._bench.newest_checkpoint() < newest + n_more:
            time.sleep(0.005)
        time.sleep(pause_s)
        if worker.has_ended():
            return
        self.n_kills += 1
        if self._random.random() < 0.5:
            worker.kill()
        else:
            with suppress(psutil.NoSuchProcess):
                training.send_signal(signal.SIGKILL)
        wait_for(lambda: is_gone(training.pid), "the job's process ends with its worker")

    def _look_after(self, job_id: str) -> Job:
        """Clear at once: the job's state, its last attempt's, and every row that was acknowledged."""
        job = self._bench.job(job_id)
        assert job.state in ("queued", "finished", "failed"), job
        assert job.attempts[-1].outcome in ("lost", "finished"), job
        assert job.state != "failed" or "lost 3 times" in str(job.reason), job
        if (self._bench.store / "ucurve-store.json").exists() and self._bench.ledger.exists():
            check_ledger(self._bench.ledger, self._bench.opened())
        log = self._bench.queue.job_folder(job_id, len(job.attempts)) / "log.txt"
        self.n_resumed += "going on from" in _text_of(log)
        return job


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_thirty_kills_change_nothing_in_the_table(bench: Bench, reference: Reference) -> None:
    loop = Loop(bench, reference)
    loop.run()
    print(f"{loop.n_kills} kills, {loop.n_sweeps} sweeps, {loop.n_resumed} times from a checkpoint")  # noqa: T201
    assert loop.n_resumed >= N_KILLS // 4  # else the kills came too early to show anything
