"""What becomes of jobs that end in this way or that."""

from __future__ import annotations

import json

import pytest

from tests.runner.worker.shop import Shop, is_gone, wait_for


def test_finished_job_keeps_its_files(shop: Shop) -> None:
    job_id = shop.submit("show_environment-finish")
    assert shop.work() == 0
    job = shop.job(job_id)
    assert (job.state, job.reason, job.attempts[0].exit_code) == ("finished", None, 0)
    folder = shop.attempt(job_id)
    assert json.loads((folder / "result.json").read_text())["n_finished"] == 2
    assert (folder / "log.txt").read_text() == "some library said this\n"
    assert (folder.stat().st_mode & 0o777) == 0o700
    assert shop.queue.workers() == []


def test_partly_finished_job_says_what_failed(shop: Shop) -> None:
    job_id = shop.submit("finish_partly")
    assert shop.work() == 0
    assert (shop.job(job_id).state, shop.job(job_id).reason) == ("finished", "of 2 runs 1 failed")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("fail_input", "learning_rate must be positive, got -1 (spec.yaml)"),
        ("fail_environment", "the accelerator has too little memory for one run"),
        ("break_off", "it broke off with code 1: ZeroDivisionError: a defect"),
    ],
)
def test_mistakes_fail_at_once_with_their_sentence(shop: Shop, what: str, reason: str) -> None:
    job_id = shop.submit(what)
    assert shop.work() == 1
    job = shop.job(job_id)
    assert (job.state, job.reason, len(job.attempts)) == ("failed", reason, 1)


def test_killed_job_is_tried_again(shop: Shop) -> None:
    job_id = shop.submit("first_kill-finish")
    assert shop.work() == 0
    job = shop.job(job_id)
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("finished", ["lost", "finished"])
    assert job.attempts[0].exit_code == -9
    assert str(job.attempts[0].reason).startswith("killed by signal 9 (SIGKILL), likely out of memory")
    assert (shop.attempt(job_id, 1) / "spec.yaml").exists()


def test_job_that_is_always_killed_fails_after_two_more_tries(shop: Shop) -> None:
    job_id = shop.submit("kill")
    assert shop.work() == 1
    job = shop.job(job_id)
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("failed", ["lost"] * 3)
    assert "lost 3 times, the last time: killed by signal 9 (SIGKILL), likely out of memory" in str(job.reason)


def test_full_disk_loses_the_attempt_and_not_the_job(shop: Shop) -> None:
    job_id = shop.submit("first_fill_disk-finish")
    assert shop.work() == 0
    job = shop.job(job_id)
    assert [attempt.outcome for attempt in job.attempts] == ["lost", "finished"]
    assert "No space left on device" in str(job.attempts[0].reason)


def test_job_that_ends_leaves_no_process(shop: Shop) -> None:
    job_id = shop.submit("fork-fork_twice-daemon_without_marks-finish")
    assert shop.work() == 0
    pids = [shop.pid(job_id, name) for name in ("forked", "daemon", "stranger")]
    assert [is_gone(pid) for pid in pids] == [True, True, True]
    assert shop.job(job_id).state == "finished"


def test_job_sees_what_training_needs_and_no_other_secret(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/models")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for jobs")
    monkeypatch.setenv("DATABASE_URL", "not for jobs")
    job_id = shop.submit("show_environment-finish")
    shop.work(device=3)
    seen = json.loads((shop.attempt(job_id) / "environment").read_text())
    assert seen["HF_HOME"] == "/models"
    assert seen["CUDA_VISIBLE_DEVICES"] == "3"
    assert seen["UCURVE_JOB"] == f"{job_id}/1"
    assert "not for jobs" not in seen.values()


def test_memory_is_measured_over_all_processes(shop: Shop) -> None:
    shop.limit("least_free_bytes = 0\nmost_hours = 1e-3")  # several looks
    job_id = shop.submit("eat")
    shop.work()
    assert (shop.job(job_id).attempts[0].peak_memory_bytes or 0) > 64 * 1024**2


def test_more_runs_than_the_site_allows_are_refused(shop: Shop) -> None:
    shop.limit("least_free_bytes = 0\nmost_runs = 1")
    job_id = shop.submit("finish", seeds=2)
    assert shop.work() == 1
    assert "it has 2 runs, and limits.most_runs of the site file allows 1" in str(shop.job(job_id).reason)
    assert not shop.attempt(job_id).exists()


def test_job_ends_when_its_hours_are_over(shop: Shop) -> None:
    shop.limit("least_free_bytes = 0\nmost_hours = 1e-4")
    job_id = shop.submit("until_asked")
    assert shop.work() == 1
    job = shop.job(job_id)
    assert (job.state, len(job.attempts)) == ("failed", 1)
    assert "longer than the 0.0001 h that limits.most_hours" in str(job.reason)


def test_full_disk_is_waited_for(shop: Shop) -> None:
    shop.limit(f"least_free_bytes = {2**60}")
    job_id = shop.submit("finish")
    shop.start_worker()
    wait_for(lambda: "waits for disk space" in str(shop.job(job_id).reason), "the job says what it waits for")
    assert shop.job(job_id).state == "queued"
    shop.limit("least_free_bytes = 0")
    assert shop.ended(job_id).state == "finished"
    assert "waits for disk space" in shop.said()
