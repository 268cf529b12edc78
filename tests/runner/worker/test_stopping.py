"""People stop jobs and runs; a worker that is asked to end stops its job and puts it back."""

from __future__ import annotations

import signal
import subprocess

from runner.job_files import JobControl
from tests.runner.worker.shop import ME, Shop, is_gone, wait_for


def test_running_job_stops_cleanly(shop: Shop) -> None:
    job_id = shop.submit("until_asked")
    shop.start_worker()
    pid = shop.pid(job_id)
    shop.queue.ask_stop(job_id, ME)
    job = shop.ended(job_id)
    assert (job.state, job.reason, job.attempts[0].exit_code) == ("stopped", None, 1)
    assert is_gone(pid)


def test_job_that_ignores_every_signal_is_ended_with_all_it_started(shop: Shop) -> None:
    job_id = shop.submit("fork-fork_twice-daemon_without_marks-deaf")
    shop.start_worker()
    pids = [shop.pid(job_id, name) for name in ("forked", "daemon", "stranger", "ready")]
    shop.queue.ask_stop(job_id, ME)
    job = shop.ended(job_id)
    assert [is_gone(pid) for pid in pids] == [True] * 4
    assert (job.state, job.attempts[0].exit_code) == ("stopped", -signal.SIGKILL)
    assert "it did not stop when asked" in str(job.reason)


def test_one_run_is_taken_out_and_stays_out_after_a_restart(shop: Shop) -> None:
    job_id = shop.submit("wait_for_control-until_asked")
    worker = shop.start_worker()
    shop.pid(job_id)
    shop.queue.ask_stop_run(job_id, "0a1b-s0", ME)
    told = shop.attempt(job_id) / "stopped_runs"
    wait_for(told.exists, "the job hears of it")
    assert JobControl.model_validate_json(told.read_text()).stop_runs == ("0a1b-s0",)
    wait_for(lambda: not shop.queue.open_requests(job_id), "the request is closed")
    worker.terminate()
    assert worker.wait() == 0
    shop.start_worker()
    shop.pid(job_id, number=2)
    control = shop.attempt(job_id, 2) / "control.json"
    assert JobControl.model_validate_json(control.read_text()).stop_runs == ("0a1b-s0",)


def test_restart_of_the_worker_neither_loses_nor_fails_the_job(shop: Shop) -> None:
    job_id, later = shop.submit("until_asked"), shop.submit("finish")
    why = "its worker was ended; the next one goes on with it"
    for attempt, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), start=1):
        worker = shop.start_worker()
        shop.pid(job_id, number=attempt)
        worker.send_signal(number)
        assert worker.wait() == 0
        assert (shop.job(job_id).state, shop.job(job_id).position, shop.job(job_id).reason) == ("queued", 1, why)
    assert shop.job(later).attempts == ()
    assert shop.queue.workers() == []
    assert not any(attempt.outcome == "lost" for attempt in shop.job(job_id).attempts)


def _ask_again(worker: subprocess.Popen[bytes]) -> bool:
    worker.terminate()
    return worker.poll() is not None


def test_second_signal_ends_the_job_at_once(shop: Shop) -> None:
    job_id = shop.submit("deaf")
    worker = shop.start_worker(patience_s=600)
    pid = shop.pid(job_id)
    wait_for(lambda: _ask_again(worker), "the worker ends")  # signals that come together count as one
    assert is_gone(pid)
    assert shop.job(job_id).state == "queued"


def test_job_that_was_to_stop_is_not_put_back(shop: Shop) -> None:
    job_id = shop.submit("deaf")
    worker = shop.start_worker(patience_s=2)
    shop.pid(job_id)
    shop.queue.ask_stop(job_id, ME)
    worker.terminate()
    worker.wait()
    assert shop.job(job_id).state == "stopped"


def test_queued_job_stops_without_a_worker(shop: Shop) -> None:
    job_id = shop.submit("finish")
    shop.queue.ask_stop(job_id, ME)
    assert shop.work() == 0
    assert (shop.job(job_id).state, shop.job(job_id).attempts) == ("stopped", ())
