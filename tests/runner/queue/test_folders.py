from __future__ import annotations

from pathlib import Path

import pytest

from runner.job_files import JobStatus
from runner.queue import folders
from runner.queue.folders import attempt_folder, log_tail, prune, read_status
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, order


def test_files_of_the_newest_ended_jobs_stay_and_all_rows(
    queue: Queue, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "KEPT", 2)
    ids = [queue.submit(order(), OWNER, key=str(number)).job_id for number in range(5)]
    for job_id in ids:
        queue.job_folder(job_id, 1).mkdir(parents=True)
    for _ in range(4):
        claim = queue.claim(worker)
        assert claim is not None
        queue.end(claim.job.job_id, 1, outcome="finished")
    assert {path.name for path in (queue.folder / "jobs").iterdir()} == {ids[2], ids[3], ids[4]}
    assert {job.job_id for job in queue.jobs()} == set(ids)


def test_nothing_outside_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "KEPT", 0)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "a").touch()
    (tmp_path / "queue" / "jobs").mkdir(parents=True)
    (tmp_path / "queue" / "jobs" / "job-1").symlink_to(precious)
    prune(tmp_path / "queue", lambda: ["job-1", "../../precious", "absent"])
    assert (precious / "a").exists()


def test_a_folder_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    prune(tmp_path, lambda: ["a"])
    assert read_status(tmp_path / "none") is None
    assert log_tail(tmp_path / "none", 5) == []


def test_the_status_is_read_or_nothing(tmp_path: Path) -> None:
    status = JobStatus(sweep_id="tiny", phase="training", n_runs=3, updated_at=1.0)
    (tmp_path / "status.json").write_text(status.model_dump_json())
    assert read_status(tmp_path) == status
    for damaged in ("", "{", '{"sweep_id": "tiny"}', "\udc80"):
        (tmp_path / "status.json").write_text(damaged, errors="surrogateescape")
        assert read_status(tmp_path) is None


def test_the_end_of_a_log_is_read_without_the_rest(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"".join(b"line %d\n" % number for number in range(100_000)) + b"\xff last")
    assert log_tail(tmp_path, 3) == ["line 99998", "line 99999", "\ufffd last"]
    (tmp_path / "log.txt").write_bytes(b"x" * 10_000_000)
    assert [len(line) for line in log_tail(tmp_path, 2)] == [2 * folders._BYTES_A_LINE]


def test_an_attempts_folder_is_below_the_queues(tmp_path: Path) -> None:
    assert attempt_folder(tmp_path, "job-1", 2) == tmp_path / "jobs" / "job-1" / "2"


def test_ten_thousand_ended_jobs_are_listed_like_ten(queue: Queue, worker: str) -> None:
    """Without timing: the listing reads only the rows that it shows, found by an index."""
    queue.submit(order(), OWNER, key="k")
    claim = queue.claim(worker)
    assert claim is not None
    queue.end(claim.job.job_id, 1, outcome="finished")
    with queue._database.change() as db:
        db.execute(
            """WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
            INSERT INTO jobs SELECT i, 'tiny-' || i, 'key-' || i, work, person, submitted_at, signature, state, NULL, i
            FROM jobs, n WHERE jobs.number = 1"""
        )
    later = queue.submit(order(), OWNER, key="later").job_id
    assert [job.job_id for job in queue.jobs(limit=3)] == [later, "tiny-10000", "tiny-9999"]
    assert len(queue.jobs()) == 200
    assert queue.job("tiny-5000") is not None
    claim = queue.claim(worker)
    assert claim is not None
    assert claim.job.job_id == later
