"""Workers die without a word: nothing of their jobs goes on, and the next worker does the job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil

from tests.runner.worker.shop import Shop, is_gone, wait_for

FAMILY = ("forked", "daemon", "ready")


def test_killed_worker_takes_its_job_with_it_and_the_next_one_tries_again(shop: Shop) -> None:
    job_id = shop.submit("first_fork-first_fork_twice-first_deaf-finish")
    worker = shop.start_worker()
    pids = [shop.pid(job_id, name) for name in FAMILY]
    worker.kill()
    worker.wait()
    wait_for(lambda: all(map(is_gone, pids)), "nothing of the job runs, before there is another worker")
    assert shop.job(job_id).state == "queued"  # whoever looks finds the dead
    assert shop.work() == 0
    job = shop.job(job_id)
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("finished", ["lost", "finished"])
    assert "ended without a word" in str(job.attempts[0].reason)
    assert (shop.attempt(job_id, 1) / "spec.yaml").exists()


def test_next_worker_ends_what_a_killed_one_left(shop: Shop) -> None:
    """Also when the process that cleans up after a worker was killed with it."""
    job_id = shop.submit("first_fork_twice-first_deaf-finish")
    worker = shop.start_worker()
    daemon, leader = shop.pid(job_id, "daemon"), shop.pid(job_id)
    children = psutil.Process(worker.pid).children()
    reaper = next(child for child in children if "runner.worker.reaper" in child.cmdline())
    worker.send_signal(signal.SIGSTOP)  # so that it cannot see the reaper's end
    reaper.kill()
    worker.kill()
    worker.wait()
    wait_for(lambda: is_gone(leader), "the kernel ends the job's first process")
    assert not is_gone(daemon)
    assert shop.work() == 0
    assert is_gone(daemon)
    assert shop.job(job_id).state == "finished"


def test_two_workers_do_each_job_once(shop: Shop) -> None:
    jobs = [shop.submit("finish") for _ in range(6)]
    workers = [shop.start_worker(until_idle=True, device=device) for device in (0, 1)]
    assert [worker.wait() for worker in workers] == [0, 0]
    found = [shop.job(job_id) for job_id in jobs]
    assert [(job.state, len(job.attempts)) for job in found] == [("finished", 1)] * 6


def test_a_stopped_worker_is_not_taken_for_dead(shop: Shop) -> None:
    job_id = shop.submit("until_asked")
    worker = shop.start_worker()
    pid = shop.pid(job_id)
    worker.send_signal(signal.SIGSTOP)
    assert shop.work() == 0  # another one looks, finds nothing dead, and ends
    assert (shop.job(job_id).state, len(shop.job(job_id).attempts)) == ("running", 1)
    assert not is_gone(pid)
    worker.send_signal(signal.SIGCONT)
    worker.terminate()
    assert worker.wait() == 0


def test_a_job_of_a_living_worker_is_no_orphan(shop: Shop) -> None:
    """The mark counts, not the number: this process is alive, but it started at another time."""
    from runner.queue.identity import this_process
    from runner.worker.family import mark_of, orphans

    code = "import time; time.sleep(600)"
    mine = mark_of(this_process())
    marks = {"alive": mine, "reused": f"{os.getpid()}.1", "gone": "4194304.1"}
    started = {
        name: subprocess.Popen([sys.executable, "-c", code], env={"UCURVE_JOB": "a/1", "UCURVE_WORKER": mark})
        for name, mark in marks.items()
    }
    try:
        found = {process.pid for process in orphans()}
        assert [process.pid in found for process in started.values()] == [False, True, True]
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    assert shop.queue.workers() == []
