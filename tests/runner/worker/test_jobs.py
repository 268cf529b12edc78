"""What becomes of jobs that end in this way or that."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.access.authority import Authority
from runner.access.person import Person
from runner.queue.job import Job
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec
from tests.runner.worker.shop import Shop, is_gone, wait_for

DAEMONS = "fork-fork_twice-daemon_without_marks-finish"
ENDINGS = (
    *("show_environment-finish", "finish_partly", "fail_input", "fail_environment", "break_off", "chatter-finish"),
    *("first_kill-finish", "kill", "first_fill_disk-finish", DAEMONS),
)


@dataclass(frozen=True)
class Day:
    """One worker has done one job of each kind."""

    shop: Shop
    job_ids: dict[str, str]
    exit_code: int

    def job(self, what: str) -> Job:
        return self.shop.job(self.job_ids[what])

    def folder(self, what: str, attempt: int = 1) -> Path:
        return self.shop.attempt(self.job_ids[what], attempt)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", "/models")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not for jobs")
        patch.setenv("DATABASE_URL", "not for jobs")
        job_ids = {what: shop.submit(what) for what in ENDINGS}
        yield Day(shop, job_ids, shop.work(device=3))
    shop.close()


def test_worker_counts_failed_jobs_and_signs_off(day: Day) -> None:
    assert day.exit_code == 4
    assert day.shop.queue.workers() == []


def test_finished_job_keeps_its_files(day: Day) -> None:
    job, folder = day.job("show_environment-finish"), day.folder("show_environment-finish")
    assert (job.state, job.reason, job.attempts[0].exit_code) == ("finished", None, 0)
    assert json.loads((folder / "result.json").read_text())["n_finished"] == 2
    assert (folder / "log.txt").read_text() == "some library said this\n"
    assert not folder.stat().st_mode & 0o007  # logs are for the group at most


def test_job_sees_what_training_needs_and_no_other_secret(day: Day) -> None:
    seen = json.loads((day.folder("show_environment-finish") / "environment").read_text())
    assert seen["HF_HOME"] == "/models"
    assert seen["CUDA_VISIBLE_DEVICES"] == "3"
    assert seen["UCURVE_JOB"] == f"{day.job_ids['show_environment-finish']}/1"
    assert "not for jobs" not in seen.values()


def test_partly_finished_job_says_what_failed(day: Day) -> None:
    assert (day.job("finish_partly").state, day.job("finish_partly").reason) == ("finished", "of 2 runs 1 failed")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("fail_input", "learning_rate must be positive, got -1 (spec.yaml)"),
        ("fail_environment", "the accelerator has too little memory for one run"),
        ("break_off", "it broke off with code 1: ZeroDivisionError: a defect"),
    ],
)
def test_mistakes_fail_at_once_with_their_sentence(day: Day, what: str, reason: str) -> None:
    job = day.job(what)
    assert (job.state, job.reason, len(job.attempts)) == ("failed", reason, 1)


def test_killed_job_is_tried_again(day: Day) -> None:
    job = day.job("first_kill-finish")
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("finished", ["lost", "finished"])
    assert job.attempts[0].exit_code == -9
    assert str(job.attempts[0].reason).startswith("killed by signal 9 (SIGKILL), likely out of memory")
    assert (day.folder("first_kill-finish", 1) / "spec.yaml").exists()
    assert not (day.folder("first_kill-finish", 1) / "result.json").exists()


def test_job_that_is_always_killed_fails_after_two_more_tries(day: Day) -> None:
    job = day.job("kill")
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("failed", ["lost"] * 3)
    assert "lost 3 times, the last time: killed by signal 9 (SIGKILL), likely out of memory" in str(job.reason)


def test_full_disk_loses_the_attempt_and_not_the_job(day: Day) -> None:
    job = day.job("first_fill_disk-finish")
    assert [attempt.outcome for attempt in job.attempts] == ["lost", "finished"]
    assert "No space left on device" in str(job.attempts[0].reason)


def test_job_that_ends_leaves_no_process(day: Day) -> None:
    pids = [day.shop.pid(day.job_ids[DAEMONS], name) for name in ("forked", "daemon", "stranger")]
    assert [is_gone(pid) for pid in pids] == [True, True, True]
    assert day.job(DAEMONS).state == "finished"


def test_chatty_job_keeps_a_small_log_without_its_secret(day: Day) -> None:
    log = day.folder("chatter-finish") / "log.txt"
    lines = log.read_text().splitlines()
    assert log.stat().st_size <= 4 * 1024**2 + 1024
    assert lines[0] == r"token [redacted] and \x07 bell"
    assert lines[-2:] == ["the end", "some library said this"]


def test_job_ends_when_its_hours_are_over_and_its_memory_was_measured(shop: Shop) -> None:
    shop.limit("least_free_bytes = 0\nmost_hours = 5e-4")  # long enough for two looks
    job_id = shop.submit("eat")
    assert shop.work() == 1
    job = shop.job(job_id)
    assert (job.state, len(job.attempts)) == ("failed", 1)
    assert "longer than the 0.0005 h that limits.most_hours" in str(job.reason)
    assert (job.attempts[0].peak_memory_bytes or 0) > 64 * 1024**2  # which a child holds


def test_worker_waits_for_a_full_disk_and_refuses_what_the_site_does_not_allow(shop: Shop) -> None:
    shop.limit(f"least_free_bytes = {2**60}")
    large, small = shop.submit("finish", seeds=2), shop.submit("finish")
    shop.start_worker()
    wait_for(lambda: "waits for disk space" in str(shop.job(small).reason), "the job says what it waits for")
    assert (shop.job(large).state, shop.job(small).state) == ("queued", "queued")
    shop.limit("least_free_bytes = 0\nmost_runs = 1")
    assert shop.ended(small).state == "finished"
    assert "has 2 runs, and limits.most_runs of the site file allows 1" in str(shop.job(large).reason)
    assert not shop.attempt(large).joinpath("spec.yaml").exists()
    assert "waits for disk space" in shop.said()


def test_broken_site_file_keeps_jobs_waiting(shop: Shop) -> None:
    shop.limit("least_free_bytes = 'much'")
    job_id = shop.submit("finish")
    assert shop.work() == 2  # `until_idle` cannot wait
    assert shop.job(job_id).state == "queued"
    assert "limits.least_free_bytes" in shop.said()


def test_worker_trains_only_with_what_the_site_offers_to_browsers(shop: Shop) -> None:
    sign_in = '[sign_in]\nprovider = "http://127.0.0.1:1"\nclient_id = "c"\nsecrets_file = "s"\n'
    launchers = '[roles.users]\nann = "launcher"\n'
    shop.site.write_text(f"{sign_in}{launchers}[limits]\nleast_free_bytes = 0\n", encoding="utf-8")
    ann = Person(user_id="ann", name="Ann", via="dashboard", signed_in_at=time.time())
    queue = Queue.open(shop.store, authority=Authority(site_file=shop.site))
    job_ids = []
    for model in ("org/other", "smollm2-135m"):
        spec = {"name": "finish", "model": model, "dataset": "skills", "budget": {"tokens": 9}}
        order = order_of(parse_sweep_spec(json.dumps(spec | {"axes": {"learning_rate": [1e-4]}}), file="test"))
        job_ids.append(queue.submit(order, ann, key=model.replace("/", "-")).job_id)
    shop.work()
    other, bundled = (shop.job(job_id) for job_id in job_ids)
    assert (other.state, bundled.state) == ("failed", "finished")
    assert "'org/other' is not offered here" in str(other.reason)


def test_a_refused_job_counts_as_failed(shop: Shop) -> None:
    job_id = shop.submit("finish")
    with closing(sqlite3.connect(shop.queue.folder / "queue.db")) as db, db:
        db.execute("UPDATE jobs SET submitted_at = 1.0")  # so that the signature does not fit

    assert shop.start_worker(once=True).wait(60) == 1
    assert f"{job_id} is refused: " in shop.said()
