from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from runner.access.authority import Authority
from runner.queue.identity import this_process
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order
from tests.runner.queue.processes import at_once, quick_folder, until_killed

SEED = 20261122


def _open(store: Path) -> Queue:
    return Queue.open(store, authority=Authority.local())


def _claim_all(store: Path, claims: Path) -> None:
    """Claims and ends jobs until there are none; notes each claim in a file of its own."""
    queue, worker_id = _open(store), f"w{os.getpid()}"
    queue.register(worker_id, this_process())
    with claims.open("w") as file:
        while (claim := queue.claim(worker_id)) is not None:
            file.write(f"{claim.job.job_id} {claim.attempt}\n")
            queue.end(claim.job.job_id, claim.attempt, outcome="finished")
    queue.unregister(worker_id)


def _check_claims(folder: Path, n_workers: int) -> None:
    """Workers claim all jobs of the store in this folder, each job once, in the order of the line."""
    queue = _open(folder / "store")
    ids = [job.job_id for job in queue.jobs(limit=1000)]
    notes = [folder / f"claims-{number}" for number in range(n_workers)]
    assert at_once(n_workers, lambda number: _claim_all(folder / "store", notes[number])) == [0] * n_workers
    claimed = Counter(line for note in notes for line in note.read_text().splitlines())
    assert claimed == Counter(f"{job_id} 1" for job_id in ids)
    jobs = queue.jobs(limit=1000)
    assert [job.job_id for job in jobs] == ids[::-1]
    assert {(job.state, len(job.attempts)) for job in jobs} == {("finished", 1)}
    started = [entry.subject for entry in queue.audit(limit=10_000) if entry.action == "start"]
    assert started == ids[::-1]


def _submit(folder: Path, n_jobs: int) -> None:
    queue = _open(folder / "store")
    for number in range(n_jobs):
        queue.submit(order(), OWNER, key=str(number))


def test_three_workers_claim_each_of_thirty_jobs_once(tmp_path: Path) -> None:
    _submit(tmp_path, 30)
    _check_claims(tmp_path, 3)


@pytest.mark.slow
def test_six_workers_claim_each_of_three_hundred_jobs_once_five_times() -> None:
    with quick_folder() as folder:
        _submit(folder / "0", 300)
        for number in range(1, 6):
            shutil.copytree(folder / "0", folder / str(number))
            _check_claims(folder / str(number), 6)


def test_several_processes_make_one_queue_and_one_job(tmp_path: Path) -> None:
    def ask(_number: int) -> None:
        queue = _open(tmp_path / "store")
        queue.submit(order(), OWNER, key=queue.key_by_hand(order(), OWNER))

    assert at_once(6, ask) == [0] * 6
    queue = _open(tmp_path / "store")
    assert len(queue.jobs()) == len(queue.audit()) == 1
    queue.register("w", this_process())
    assert queue.claim("w") is not None  # signed with the one key


def _work_until_killed(store: Path, after_s: float, pipe: int) -> None:
    queue, worker_id = _open(store), f"w{os.getpid()}"
    queue.register(worker_id, this_process())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, after_s)  # the kernel ends the process then, wherever it is
    while True:
        job_id = queue.submit(order(), OWNER, key=os.urandom(8).hex()).job_id
        os.write(pipe, f'["submit", "{job_id}", 0]\n'.encode())
        if (claim := queue.claim(worker_id)) is not None:
            os.write(pipe, f'["claim", "{claim.job.job_id}", {claim.attempt}]\n'.encode())
            queue.end(claim.job.job_id, claim.attempt, outcome="finished")
            os.write(pipe, f'["end", "{claim.job.job_id}", {claim.attempt}]\n'.encode())


def _check_after_a_kill(queue: Queue, said: list[tuple[str, str, int]]) -> None:
    """What was answered is there, and what was not is there whole or not at all."""
    with closing(sqlite3.connect(queue.folder / "queue.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    queue.recover()
    jobs = {job.job_id: job for job in queue.jobs(limit=10_000)}
    outcomes = {(job.job_id, each.number): each.outcome for job in jobs.values() for each in job.attempts}
    for what, job_id, attempt in said:
        assert job_id in jobs
        if what == "end":
            assert outcomes[job_id, attempt] == "finished"
        elif what == "claim":
            assert outcomes[job_id, attempt] in ("finished", "lost")
    log = Counter(entry.action for entry in queue.audit(limit=100_000))
    assert (log["submit"], log["start"], log["end"]) == (len(jobs), len(outcomes), len(outcomes))
    for job in jobs.values():  # the one at the head of the line may be hit three times
        n_lost = sum(each.outcome == "lost" for each in job.attempts)
        assert job.state in ("queued", "finished") or (job.state, n_lost) == ("failed", 3)


def test_a_worker_that_is_killed_anywhere_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    moments, queue = np.random.default_rng(SEED), _open(tmp_path / "store")
    said: list[tuple[str, str, int]] = []
    for n_kills in range(1, 100):
        heard, status = until_killed(partial(_work_until_killed, tmp_path / "store", moments.uniform(0.001, 0.1)))
        assert os.WTERMSIG(status) == signal.SIGALRM
        said += [tuple(json.loads(line)) for line in heard.splitlines()]
        _check_after_a_kill(queue, said)
        if n_kills >= 12 and {what for what, *_ in said} == {"submit", "claim", "end"}:
            return  # a machine that is busy elsewhere needs more rounds to get anywhere in one
    pytest.fail("no round got as far as the end of a job")
