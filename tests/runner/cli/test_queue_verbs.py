"""`ucurve submit`, `queue` and `stop`, and what stands of them in docs/cli.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runner.access.local import command_line_person
from runner.job_files import JobStatus
from runner.queue.identity import this_process
from runner.queue.queue import Queue
from tests.runner.cli.calling import Answer, Caller
from tests.runner.cli.test_docs import _keys, _section
from tests.runner.queue.people import dead_process, order

TEXT = "model: smollm2-135m\ndataset: skills\naxes: {learning_rate: [1e-4, 1e-3]}\nbudget: {steps: 10}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("UCURVE_QUEUE", "UCURVE_SITE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mine.yaml").write_text(TEXT)


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue.open(tmp_path / "ucurve-store")


def _json(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    return answer.json


def _running(queue: Queue) -> str:
    job_id = queue.submit(order(), command_line_person(), key="k").job_id
    queue.register("w", this_process(), "cpu")
    assert queue.claim("w") is not None
    return job_id


def test_submitting_says_the_id_and_what_happens_next(ucurve: Caller, queue: Queue) -> None:
    answer = ucurve("submit", "mine.yaml")
    (job,) = queue.jobs()
    assert answer.code == 0
    assert answer.out == (
        f"job {job.job_id} (mine, 2 runs) is queued, the next one; "
        f"`ucurve queue show {job.job_id}` says how far it is\n"
    )
    assert answer.err == (
        "No worker is running: start one with `ucurve worker --store ucurve-store`; `ucurve app` starts one too.\n"
    )
    assert job.person.via == "command line"


def test_submitting_twice_is_one_job_unless_asked_again(ucurve: Caller, queue: Queue) -> None:
    first = _json(ucurve("submit", "mine.yaml", "--json"))
    assert first["is_new"]
    answer = ucurve("submit", "mine.yaml")
    assert answer.out == (
        f"job {first['job_id']} (mine, 2 runs) is queued, place 1 already; --again makes a second one\n"
    )
    again = _json(ucurve("submit", "mine.yaml", "--again", "--json"))
    assert again["is_new"]
    assert (again["position"], again["n_workers"]) == (2, 0)
    queue.register("w", this_process())
    answer = ucurve("submit", "mine.yaml", "--again")
    assert "after 2 other jobs" in answer.out
    assert answer.err == ""


def test_a_wrong_file_is_refused_with_its_line_and_makes_nothing(ucurve: Caller, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TEXT.replace("skills", "[]"))
    answer = ucurve("submit", "mine.yaml")
    assert answer.code == 2
    assert answer.err.startswith("mine.yaml:2: dataset")
    assert not (tmp_path / "ucurve-store").exists()
    assert ucurve("submit", "absent.yaml").code == 2


def test_the_list_shows_every_state(ucurve: Caller, queue: Queue) -> None:
    assert ucurve("queue").out.split() == ["job", "state", "runs", "by", "submitted", "(UTC)"]
    job_id = _running(queue)
    folder = queue.job_folder(job_id, 1)
    folder.mkdir(parents=True)
    status = JobStatus(
        sweep_id="tiny", phase="training", n_runs=3, done_tokens=1, total_tokens=4, left_s=125.0, updated_at=0.0
    )
    (folder / "status.json").write_text(status.model_dump_json())
    waiting = _json(ucurve("submit", "mine.yaml", "--json"))["job_id"]
    stopped = _json(ucurve("submit", "mine.yaml", "--again", "--json"))["job_id"]
    assert ucurve("stop", stopped).out == f"job {stopped} is stopped\n"
    lines = ucurve("queue").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [job_id, waiting, stopped]
    assert "running" in lines[0]
    assert "25%, 2:05 left" in lines[0]
    assert "queued, place 1" in lines[1]
    assert "before it began" in lines[2]
    only = _json(ucurve("queue", "--json", "--state", "queued", "--state", "stopped", "--limit", "1"))
    assert [job["job_id"] for job in only["jobs"]] == [waiting]
    assert [(worker["worker_id"], worker["job_id"]) for worker in only["workers"]] == [("w", job_id)]
    refused = ucurve("queue", "--state", "done")
    assert (refused.code, refused.err) == (
        2,
        "--state is one of queued, running, finished, failed, stopped, got 'done'\n",
    )


def test_a_dead_worker_is_found_by_looking(ucurve: Caller, queue: Queue) -> None:
    job_id = queue.submit(order(), command_line_person(), key="k").job_id
    queue.register("w", dead_process())
    queue.claim("w")
    (job,) = _json(ucurve("queue", "--json"))["jobs"]
    assert (job["job_id"], job["state"]) == (job_id, "queued")
    assert "ended without a word" in job["reason"]


def test_one_job_is_shown_with_attempts_and_log(ucurve: Caller, queue: Queue) -> None:
    job_id = _running(queue)
    folder = queue.job_folder(job_id, 1)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("one\ntwo \x1b[31m[bold]red\nthree\n")
    out = ucurve("queue", "show", job_id, "--lines", "2").out
    assert out.startswith(f"{job_id}: running, submitted by ")
    assert "two \\x1b[31m[bold]red\nthree\n" in out
    assert "one\n" not in out
    assert str(folder) in out
    shown = _json(ucurve("queue", "show", job_id, "--json"))
    assert shown["log"][0] == "one"
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["running"]
    assert shown["spec"] == order().spec
    assert "no job 'absent'" in ucurve("queue", "show", "absent").err
    assert ucurve("queue", "show", "../x").code == 2


def test_a_name_that_would_act_on_a_terminal_does_not(ucurve: Caller, queue: Queue) -> None:
    person = command_line_person().model_copy(update={"name": "a\nb\x1b[31m\x00[red]"})
    job_id = queue.submit(order(), person, key="k").job_id
    assert "a\\nb\\x1b[31m\\x00[red]" in ucurve("queue").out
    assert "\x1b" not in ucurve("queue", "show", job_id).out


def test_the_line_can_be_changed(ucurve: Caller, queue: Queue) -> None:
    ids = [_json(ucurve("submit", "mine.yaml", "--again", "--json"))["job_id"] for _ in range(3)]
    assert _json(ucurve("queue", "move-first", ids[2], "--json"))["position"] == 1
    assert [job.job_id for job in queue.jobs()] == [ids[2], ids[0], ids[1]]
    queue.ask_stop(ids[0], command_line_person())
    assert "is stopped, and only queued jobs" in ucurve("queue", "move-first", ids[0]).err


def test_an_ended_job_is_done_again_once(ucurve: Caller, queue: Queue) -> None:
    first = _json(ucurve("submit", "mine.yaml", "--json"))["job_id"]
    refused = ucurve("queue", "retry", first)
    assert (refused.code, "only what has ended" in refused.err) == (2, True)
    ucurve("stop", first)
    second = _json(ucurve("queue", "retry", first, "--json"))
    assert second["is_new"]
    assert second["job_id"] != first
    assert "already" in ucurve("queue", "retry", first).out
    assert len(queue.jobs()) == 2


def test_stopping_says_what_it_does(ucurve: Caller, queue: Queue) -> None:
    job_id = _running(queue)
    assert ucurve("stop", job_id, "--run", "run-1").out == "run run-1 is asked to stop; the others go on\n"
    assert not _json(ucurve("queue", "show", job_id, "--json"))["stopping"]
    assert ucurve("stop", job_id).out == f"job {job_id} is asked to stop after this step; finished runs stay\n"
    assert _json(ucurve("stop", job_id, "--json"))["stopping"]
    assert [request.run_id for request in queue.open_requests(job_id)] == ["run-1", None]
    assert "stopping" in ucurve("queue").out
    queue.end(job_id, 1, outcome="stopped")
    assert ucurve("stop", job_id).out == f"job {job_id} had ended before: stopped\n"


def test_a_queue_elsewhere(ucurve: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCURVE_QUEUE", str(tmp_path / "q"))
    job_id = _json(ucurve("submit", "mine.yaml", "--json"))["job_id"]
    monkeypatch.delenv("UCURVE_QUEUE")
    assert _json(ucurve("queue", "--json"))["jobs"] == []
    assert [job["job_id"] for job in _json(ucurve("queue", "--queue", tmp_path / "q", "--json"))["jobs"]] == [job_id]


def test_a_damaged_queue_is_one_sentence(ucurve: Caller, queue: Queue) -> None:
    ucurve("submit", "mine.yaml")
    (queue.folder / "queue.db").write_bytes(b"\0" * 20_000)
    for arguments in (["queue"], ["submit", "mine.yaml"], ["stop", "a"], ["queue", "show", "a"]):
        answer = ucurve(*arguments)
        assert answer.code == 2
        assert "is damaged" in answer.err
        assert answer.err.count("\n") == 1


def test_every_json_key_is_documented(ucurve: Caller, queue: Queue) -> None:
    job_id = _running(queue)
    waiting = _json(ucurve("submit", "mine.yaml", "--again", "--json"))["job_id"]
    documents = {
        "ucurve submit": ucurve("submit", "mine.yaml", "--json"),
        "ucurve queue": ucurve("queue", "--json"),
        "ucurve queue show": ucurve("queue", "show", job_id, "--json"),
        "ucurve queue move-first": ucurve("queue", "move-first", waiting, "--json"),
        "ucurve stop": ucurve("stop", waiting, "--json"),
        "ucurve queue retry": ucurve("queue", "retry", waiting, "--json"),
    }
    of_a_job = set(re.findall(r"`([a-z_]+)`", _section("ucurve queue")))
    for verb, answer in documents.items():
        documented = of_a_job | set(re.findall(r"`([a-z_]+)`", _section("ucurve submit") + _section(verb)))
        assert not set(_keys(_json(answer))) - documented


def test_a_sweep_whose_files_are_missing_is_refused_at_once(ucurve: Caller, queue: Queue, tmp_path: Path) -> None:
    text = (tmp_path / "mine.yaml").read_text()
    for wrong, key in (
        (text.replace("skills", "./no.jsonl"), "dataset.path"),
        (text.replace("smollm2-135m", "./no"), "model.id"),
    ):
        (tmp_path / "mine.yaml").write_text(wrong)
        answer = ucurve("submit", "mine.yaml")
        assert answer.code == 2
        assert f"mine: {key}: there is no" in answer.err
    assert not queue.jobs()


def test_an_empty_queue_says_where_it_looked(ucurve: Caller, queue: Queue) -> None:
    assert f"No job is in the queue {str(queue.folder)!r}" in ucurve("queue").err


def test_a_limit_no_database_knows_is_refused_by_the_option(ucurve: Caller) -> None:
    answer = ucurve("queue", "--limit", 10**22)
    assert answer.code == 2
    assert "--limit" in answer.err
