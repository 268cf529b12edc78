"""Everything beside the history: config, summary, tags, state, tables, and what the client noted about the machine."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from analysis.importers.wandb.identity import twin_marks
from tests.analysis.importers.wandb_api.conftest import Importer, logged, objects
from tests.analysis.importers.wandb_api.stub_runs import BEGAN, Row, StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import Fault

pytestmark = pytest.mark.slow

_METADATA = {
    "os": "Linux", "python": "CPython 3.11.7", "program": "train.py", "args": ["--lr", "1e-4"], "host": "node1",
    "git": {"remote": "https://example.org/r.git", "commit": "abc"}, "gpu": "NVIDIA L4", "gpu_count": 2,
    "username": "ada", "root": "/home/ada", "disk": {"/": {"total": 1}}, "email": "ada@example.org",
}  # fmt: skip


def test_everything_comes(importer: Importer) -> None:
    server_run = StubRun(
        "abc",
        numbered_rows(range(3)),
        config={"lr": 1e-4, "optimizer": {"name": "adam"}, "value": {"value": 3}, "ucurve": {"run_id": "u-1"},
                "_wandb": {"python_version": "3.11.7", "cli_version": "0.31.0",
                           "m": [{"1": "loss", "8": 1}, {"1": "val/acc", "6": [3], "8": 2}, {"2": "x/*"}]}},
        summary={"loss": 0.5, "_step": 2, "_runtime": 7, "_wandb": {"runtime": 7}, "best": {"min": 0.25}},
        tags=["a", "b"],
        created_at="2026-06-01T10:00:00Z",
        files={"wandb-metadata.json": json.dumps(_METADATA).encode()},
        fields={"group": "g", "jobType": "sft", "notes": "some\nnotes", "sweepName": "sw1", "commit": "abc"},
    )  # fmt: skip
    importer.server.add(server_run)
    run = importer.run("abc")
    host = importer.server.url.removeprefix("http://")
    assert (run.kind, run.label, run.key) == ("wandb", "team/proj/abc", (host, "team", "proj", "abc"))
    assert run.config == {
        "lr": 1e-4, "optimizer": {"name": "adam"}, "value": {"value": 3}, "ucurve": {"run_id": "u-1"}
    }  # fmt: skip
    assert run.own_run_id == "u-1"
    assert run.summary == {"loss": 0.5, "best": {"min": 0.25}}
    assert (run.name, run.group, run.job_type, run.sweep) == ("name of abc", "g", "sft", "sw1")
    assert (run.tags, run.notes_text) == (("a", "b"), "some\nnotes")
    assert run.created_at == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert run.directions == {"loss": "min", "val/acc": "max"}
    assert run.columns == {"host": "node1"}
    assert run.marks == twin_marks("proj", "abc", [BEGAN, BEGAN + 1, BEGAN + 2])
    kept = {key: _METADATA[key] for key in ("os", "python", "program", "args", "git", "gpu", "gpu_count", "host")}
    place = {"server": importer.server.url, "entity": "team", "project": "proj", "run_id": "abc"}
    versions = {"python": "3.11.7", "wandb": "0.31.0"}
    assert run.environment == kept | {"versions": versions, "wandb": place, "commit": "abc"}


def test_a_copy_of_a_run_of_ucurve_says_its_sweep_and_how_it_ended(importer: Importer) -> None:
    own = {"run_id": "u-1", "sweep_id": "tiny"}
    summary = {"status": "diverged", "status_reason": "loss rose", "loss": 3.0}
    for name, state in (("over", "failed"), ("again", "running")):
        importer.server.add(
            StubRun(name, numbered_rows(range(2)), config={"ucurve": own}, summary=summary, state=state)
        )
    over, again = importer.run("over"), importer.run("again")
    assert (over.own_run_id, over.sweep, over.status, over.status_reason) == ("u-1", "tiny", "diverged", "loss rose")
    assert (again.sweep, again.status) == ("tiny", "running")


def test_a_missing_summary_is_made_from_the_last_values(importer: Importer) -> None:
    importer.server.add(StubRun("r", numbered_rows(range(15)), state="crashed", summary={"_step": 14}))
    run = importer.run("r")
    assert run.summary == {"loss": 1 / 15, "val/acc": 10 / 10_000}
    assert "the server has no summary of it: it was made from the last value of each metric" in run.notes


@pytest.mark.parametrize(
    ("state", "status", "verdict"),
    [
        ("finished", "finished", "complete"), ("failed", "failed", "complete"), ("crashed", "lost", "complete"),
        ("killed", "stopped", "complete"), ("running", "running", "unverified"), ("pending", "queued", "unverified"),
        ("preempting", "running", "unverified"), ("preempted", "stopped", "complete"),
        ("melted", "unconfirmed", "complete"),
    ],
)  # fmt: skip
def test_states(importer: Importer, state: str, status: str, verdict: str) -> None:
    importer.server.add(StubRun("r", numbered_rows(range(3)), state=state))
    run = importer.run("r")
    assert (run.status, run.verdict) == (status, verdict)
    assert bool(run.status_reason) == (state not in ("finished", "failed", "running", "pending", "preempting"))


def test_an_older_server_that_lacks_fields_is_read_all_the_same(importer: Importer) -> None:
    lacking = dict.fromkeys(
        ("tags", "displayName", "sweepName", "group", "jobType", "createdAt", "historyLineCount", "historyKeys", "user",
         "config", "summaryMetrics", "systemMetrics"),
    )  # fmt: skip
    rows = numbered_rows(range(30))
    importer.server.add(StubRun("r", rows, fields=lacking))
    run = importer.run("r")
    assert (run.verdict, run.rows_got, run.config) == ("unverified", 30, {})
    assert (run.name, run.tags, run.created_at) == (None, (), None)


@pytest.mark.parametrize(
    "fields",
    [
        {"createdAt": "yesterday", "tags": "x", "user": "ada"},
        {"historyKeys": [1], "historyLineCount": "many"},
        {"historyKeys": {"lastStep": "x"}, "historyLineCount": -1},
    ],
    ids=str,
)
def test_fields_of_another_kind_than_expected_cost_only_themselves(importer: Importer, fields: dict[str, Any]) -> None:
    importer.server.add(StubRun("r", numbered_rows(range(30)), fields=fields))
    run = importer.run("r")
    assert run.rows_got == 30
    assert run.verdict == ("complete" if "createdAt" in fields else "unverified")


def _table(columns: list[str], content: list[list[Any]]) -> bytes:
    return json.dumps({"columns": columns, "data": content}).encode()


def _reference(path: str, content: bytes) -> dict[str, Any]:
    return {"_type": "table-file", "path": path, "sha256": hashlib.sha256(content).hexdigest(), "nrows": 2}


_PATH = "media/table/eval_1_abc.table.json"
_EVAL = _table(["q", "score"], [["x", 1.0], ["y", float("nan")]])


@pytest.mark.parametrize("exports", [[], [(0, 5)]], ids=["live", "exported"])
def test_tables_stand_in_the_place_of_their_references(importer: Importer, exports: list[tuple[int, int]]) -> None:
    rows: list[Row] = [{"_step": 0, "loss": 1.0}, {"_step": 1, "eval": _reference(_PATH, _EVAL)}]
    importer.server.add(StubRun("r", rows, exports=exports, files={_PATH: _EVAL, "output.log": b"x"}))
    run = importer.run("r")
    assert run.verdict == "complete"
    assert str(json.loads(objects(run)[1, "eval"])) == str(json.loads(_EVAL))
    assert importer.server.counts["file"] == 1
    assert logged(run) == {(0, "loss"): 1.0}


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (_PATH, None, "has no file"),
        (_PATH, b"{}", "checksums differ"),
        ("../../etc/passwd", _EVAL, "leads out of the run's files"),
        ("/etc/passwd", _EVAL, "leads out of the run's files"),
        (_PATH, b" " * 5_000_001, "too large"),
    ],
)
def test_a_table_that_cannot_be_had_is_said(importer: Importer, path: str, content: bytes | None, words: str) -> None:
    files = {} if content is None else {path: content}
    rows: list[Row] = [{"_step": 0, "loss": 1.0}, {"_step": 1, "eval": _reference(path, _EVAL)}]
    importer.server.add(StubRun("r", rows, files=files))
    run = importer.run("r")
    assert logged(run) == {(0, "loss"): 1.0}
    assert (run.verdict, run.reason) == ("partial", "1 of its tables are not in")
    (problem,) = run.problems
    assert words in problem.reason


def test_a_file_that_the_server_does_not_hand_out_is_said(importer: Importer) -> None:
    rows: list[Row] = [{"_step": 1, "eval": _reference(_PATH, _EVAL)}]
    importer.server.add(StubRun("r", rows, files={_PATH: _EVAL}))
    importer.server.fault("file", Fault(403), times=9)
    run = importer.run("r")
    assert run.verdict == "partial"
    assert "does not let the API key's account read this" in run.problems[0].reason


def test_tables_of_many_steps_take_few_requests(importer: Importer) -> None:
    paths = {f"media/table/eval_{i}_x.table.json": _table(["a"], [[i]]) for i in range(60)}
    rows: list[Row] = [
        {"_step": i, "eval": _reference(path, content)} for i, (path, content) in enumerate(paths.items())
    ]
    importer.server.add(StubRun("r", rows, files=paths))
    run = importer.run("r")
    assert [json.loads(text)["data"] for text in run.objects["json"].to_pylist()] == [[[i]] for i in range(60)]
    assert importer.server.counts["RunFiles"] <= 3
