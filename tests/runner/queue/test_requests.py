from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.queue.identity import this_process
from runner.queue.job import Job
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order, signed_in
from tests.runner.queue.test_claim import change


def _running(queue: Queue) -> str:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    queue.register("w", this_process())
    assert queue.claim("w") is not None
    return job_id


def _job(queue: Queue, job_id: str) -> Job:
    job = queue.job(job_id)
    assert job is not None
    return job


def test_a_queued_job_stops_at_once(queue: Queue, worker: str) -> None:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    job = queue.ask_stop(job_id, OWNER)
    assert (job.state, job.reason, job.position) == ("stopped", "stopped by Owner before it began", None)
    assert queue.claim(worker) is None


def test_a_running_job_is_asked_once_and_says_that_it_stops(queue: Queue) -> None:
    job_id = _running(queue)
    assert not _job(queue, job_id).stopping
    assert queue.ask_stop(job_id, OWNER).stopping
    queue.ask_stop(job_id, OWNER)
    (request,) = queue.open_requests(job_id)
    assert (request.kind, request.run_id, request.person, request.job_id) == ("stop", None, OWNER, job_id)
    queue.end(job_id, 1, outcome="stopped")
    assert queue.open_requests(job_id) == []
    assert (_job(queue, job_id).state, _job(queue, job_id).stopping) == ("stopped", False)


def test_an_ended_job_is_left_alone(queue: Queue) -> None:
    job_id = _running(queue)
    queue.end(job_id, 1, outcome="finished")
    before = queue.audit()
    assert queue.ask_stop(job_id, OWNER).state == "finished"
    assert queue.audit() == before
    with pytest.raises(ConfigError, match="is finished, and only runs of a running job"):
        queue.ask_stop_run(job_id, "run-1", OWNER)
    with pytest.raises(ConfigError, match="is finished, and only queued jobs"):
        queue.move_first(job_id, OWNER)


def test_runs_are_stopped_one_by_one(queue: Queue) -> None:
    job_id = _running(queue)
    for run_id in ("run-1", "run-2", "run-1"):
        queue.ask_stop_run(job_id, run_id, OWNER)
    one, two = queue.open_requests(job_id)
    assert [(each.kind, each.run_id) for each in (one, two)] == [("stop_run", "run-1"), ("stop_run", "run-2")]
    assert not _job(queue, job_id).stopping
    queue.close_request(one, "done")
    assert queue.open_requests(job_id) == [two]
    with pytest.raises(ConfigError, match="'a/b' is not the id of a run"):
        queue.ask_stop_run(job_id, "a/b", OWNER)


def test_looking_for_requests_writes_nothing(queue: Queue) -> None:
    job_id = _running(queue)
    queue.ask_stop(job_id, OWNER)
    version = queue.version()
    for _ in range(3):
        assert len(queue.open_requests(job_id)) == 1
    assert queue.version() == version


@pytest.mark.parametrize(("column", "value"), [("run_id", "run-2"), ("signature", "f" * 64), ("kind", "stop")])
def test_a_forged_request_is_closed_and_noted(queue: Queue, column: str, value: str) -> None:
    job_id = _running(queue)
    queue.ask_stop_run(job_id, "run-1", OWNER)
    change(queue, f"UPDATE requests SET {column} = ?", value)  # noqa: S608 - a constant
    assert queue.open_requests(job_id) == []
    assert queue.open_requests(job_id) == []
    assert [entry.outcome for entry in queue.audit(2)] == ["refused", "asked"]
    assert "signature does not fit" in str(queue.audit(1)[0].detail)


def test_a_request_moved_to_another_job_is_forged(queue: Queue) -> None:
    job_id = _running(queue)
    queue.ask_stop(job_id, OWNER)
    other = queue.submit(order(), OWNER, key="other").job_id
    queue.register("w2", this_process())
    queue.claim("w2")
    change(queue, "UPDATE requests SET job_id = ?", other)
    assert queue.open_requests(other) == []


def test_a_right_that_was_taken_away_counts_for_requests_too(team_queue: Queue, set_roles: Callable[..., Path]) -> None:
    job_id = _running(team_queue)
    team_queue.ask_stop(job_id, signed_in("ada"))
    set_roles(ada="launcher")
    assert team_queue.open_requests(job_id) == []
    assert team_queue.audit(1)[0].outcome == "refused"
    assert not _job(team_queue, job_id).stopping
