from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.access.authority import Authority
from runner.queue.identity import this_process
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order, signed_in


def change(queue: Queue, statement: str, *values: object) -> None:
    """What somebody can do who may write the file and does not know the key."""
    with closing(sqlite3.connect(queue.folder / "queue.db")) as db, db:
        db.execute(statement, values)


def test_the_first_in_line_is_claimed(queue: Queue, worker: str) -> None:
    first, second = (queue.submit(order(), OWNER, key=key).job_id for key in "ab")
    claim = queue.claim(worker)
    assert claim is not None
    assert (claim.job.job_id, claim.attempt, claim.job.state) == (first, 1, "running")
    (attempt,) = claim.job.attempts
    assert (attempt.number, attempt.worker_id, attempt.process) == (1, worker, this_process())
    assert (attempt.outcome, attempt.ended_at) == ("running", None)
    assert [each.job_id for each in queue.workers()] == [first]
    queue.move_first(second, OWNER)
    queue.end(first, 1, outcome="failed", reason="no such model", exit_code=2, peak_memory_bytes=5)
    job = queue.job(first)
    assert job is not None
    assert (job.state, job.reason) == ("failed", "no such model")
    (attempt,) = job.attempts
    assert (attempt.outcome, attempt.reason, attempt.exit_code, attempt.peak_memory_bytes) == (
        "failed",
        "no such model",
        2,
        5,
    )
    assert attempt.ended_at is not None


def test_an_empty_queue_gives_nothing(queue: Queue, worker: str) -> None:
    assert queue.claim(worker) is None


def test_a_worker_has_one_job_and_must_be_known(queue: Queue, worker: str) -> None:
    for key in "ab":
        queue.submit(order(), OWNER, key=key)
    assert queue.claim(worker) is not None
    with pytest.raises(ConfigError, match="has a job already"):
        queue.claim(worker)
    with pytest.raises(ConfigError, match="'stranger' is not registered"):
        queue.claim("stranger")


def test_an_end_counts_once(queue: Queue, worker: str) -> None:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    queue.claim(worker)
    assert queue.end(job_id, 1, outcome="finished") == "finished"
    assert queue.end(job_id, 1, outcome="failed") is None
    assert queue.end(job_id, 2, outcome="failed") is None
    job = queue.job(job_id)
    assert job is not None
    assert job.state == "finished"


def test_no_attempt_ends_as_running(queue: Queue, worker: str) -> None:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    queue.claim(worker)
    with pytest.raises(ConfigError, match="cannot end as running"):
        queue.end(job_id, 1, outcome="running")
    assert queue.jobs(["running"]) != []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("signature", "0" * 64),
        ("signature", ""),
        ("work", order("other").model_dump_json()),
        ("person", signed_in("ada").model_dump_json()),
        ("work", "nonsense"),
        ("person", "{}"),
        ("submitted_at", 1.0),
        ("key", "another"),
    ],
)
def test_a_job_that_nobody_signed_so_is_not_done(queue: Queue, worker: str, column: str, value: object) -> None:
    forged, good = (queue.submit(order(), OWNER, key=key).job_id for key in "ab")
    change(queue, f"UPDATE jobs SET {column} = ? WHERE job_id = ?", value, forged)  # noqa: S608 - a constant
    refused: list[tuple[str, str]] = []
    claim = queue.claim(worker, lambda job_id, problem: refused.append((job_id, problem)))
    assert claim is not None
    assert claim.job.job_id == good
    job = queue.job(forged)
    assert job is not None
    assert (job.state, job.attempts) == ("failed", ())
    assert "signature does not fit" in (job.reason or "")
    assert refused == [(forged, job.reason)]
    assert [(e.action, e.subject, e.outcome) for e in queue.audit(2)][1] == ("start", forged, "refused")


def test_a_job_copied_in_from_another_queue_is_not_done(queue: Queue, worker: str, tmp_path: Path) -> None:
    other = Queue.open(tmp_path / "other", authority=Authority.local())
    other.submit(order(), OWNER, key="k")
    queue.note(OWNER, "sign-in", "", "done")
    with closing(sqlite3.connect(queue.folder / "queue.db")) as db:
        db.execute("ATTACH ? AS other", (str(other.folder / "queue.db"),))
        with db:
            db.execute("INSERT INTO jobs SELECT * FROM other.jobs")
    assert queue.claim(worker) is None
    assert [job.state for job in queue.jobs()] == ["failed"]


def test_a_right_that_was_taken_away_counts_when_the_jobs_turn_comes(
    team_queue: Queue, set_roles: Callable[..., Path]
) -> None:
    job_id = team_queue.submit(order(), signed_in("anna"), key="k").job_id
    kept = team_queue.submit(order(), signed_in("ben"), key="l").job_id
    set_roles(anna="viewer", ben="launcher")
    team_queue.register("w", this_process())
    claim = team_queue.claim("w")
    assert claim is not None
    assert claim.job.job_id == kept
    job = team_queue.job(job_id)
    assert job is not None
    assert job.state == "failed"
    assert "has the role viewer, and this needs launcher" in (job.reason or "")


def test_a_job_may_wait_longer_than_a_sign_in_lasts(team_queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    team_queue.submit(order(), signed_in("anna"), key="k")
    team_queue.register("w", this_process())
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert team_queue.claim("w") is not None


def test_a_site_file_that_is_being_edited_fails_no_job(team_queue: Queue, set_roles: Callable[..., Path]) -> None:
    team_queue.submit(order(), signed_in("anna"), key="k")
    team_queue.register("w", this_process())
    file = set_roles(anna="launcher")
    file.write_text("[roles")
    with pytest.raises(ConfigError, match=r"ucurve\.toml"):
        team_queue.claim("w")
    assert [job.state for job in team_queue.jobs()] == ["queued"]
    set_roles(anna="launcher")
    assert team_queue.claim("w") is not None


def test_a_clock_that_jumps_back_changes_no_order(queue: Queue, worker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for number in range(3):
        monkeypatch.setattr("time.time", lambda number=number: 2e9 - 3600 * number)
        ids.append(queue.submit(order(), OWNER, key=str(number)).job_id)
    claimed = []
    for _ in range(3):
        claim = queue.claim(worker)
        assert claim is not None
        claimed.append(claim.job.job_id)
        monkeypatch.setattr("time.time", lambda: 1e9)
        queue.end(claim.job.job_id, claim.attempt, outcome="finished")
    assert claimed == ids
    assert [job.job_id for job in queue.jobs()] == ids[::-1]
    assert [entry.entry_id for entry in queue.audit()] == sorted((e.entry_id for e in queue.audit()), reverse=True)
