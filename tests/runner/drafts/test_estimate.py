"""Estimates with a made-up child: its behaviour is what is tested, not its numbers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runner.drafts.estimate import KEPT, Estimate, Estimator

ANSWER = """
import json, pathlib, sys
verb, file, *options = sys.argv[1:]
text = pathlib.Path(file).read_text()
with open({log!r}, "a") as log: log.write(text + chr(10))
{body}
"""


def _estimator(tmp_path: Path, body: str, *, timeout_s: float = 60.0) -> Estimator:
    script = tmp_path / "child.py"
    script.write_text(ANSWER.format(log=str(tmp_path / "log"), body=body))
    return Estimator([sys.executable, str(script)], timeout_s=timeout_s)


def _wait(ask: Callable[[], Estimate]) -> Estimate:
    deadline = time.monotonic() + 60
    while (found := ask()).state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_the_answer_is_asked_for_once(tmp_path: Path) -> None:
    estimator = _estimator(tmp_path, "print(json.dumps({'spec': text, 'options': options}))")
    assert estimator.ask("a", tmp_path, asker="1").state == "running"
    found = _wait(lambda: estimator.ask("a", tmp_path, asker="1"))
    assert found.plan == {"spec": "a", "options": [f"--store={tmp_path}", "--dry-run", "--json"]}
    assert estimator.ask("a", tmp_path, asker="2") == found
    assert (tmp_path / "log").read_text() == "a\n"
    estimator.forget("a", tmp_path)
    assert _wait(lambda: estimator.ask("a", tmp_path, asker="2")).plan == found.plan
    assert (tmp_path / "log").read_text() == "a\na\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print(file + ':3: no such model', file=sys.stderr); sys.exit(2)", "sweep.yaml:3: no such model"),
        ("sys.exit(3)", "log says why"),
        ("raise ValueError('/secret/path')", "log says why"),
        ("print('not json')", "log says why"),
        ("import os; os.kill(os.getpid(), 9)", "log says why"),
    ],
)
def test_what_goes_wrong_is_one_sentence(tmp_path: Path, body: str, words: str) -> None:
    estimator = _estimator(tmp_path, body)
    found = _wait(lambda: estimator.ask("a", tmp_path, asker="1"))
    assert found.state == "failed"
    assert words in str(found.problem)
    assert "ucurve-estimate" not in str(found.problem)
    assert "secret" not in str(found.problem)


def test_a_child_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    body = (
        "import subprocess, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    estimator = _estimator(tmp_path, body, timeout_s=2.0)
    found = _wait(lambda: estimator.ask("a", tmp_path, asker="1"))
    assert found.state == "too long"
    pid = int((tmp_path / "pid").read_text())
    _wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_what_nobody_wants_any_more_is_given_up(tmp_path: Path) -> None:
    started = tmp_path / "started"
    body = (
        f"import time\nif text == 'slow':\n    pathlib.Path({str(started)!r}).touch(); time.sleep(600)\nprint('{{}}')"
    )
    estimator = _estimator(tmp_path, body)
    estimator.ask("slow", tmp_path, asker="1")
    _wait_until(started.exists)
    assert _wait(lambda: estimator.ask("fast", tmp_path, asker="1")).plan == {}
    _wait_until(lambda: not [child for child in psutil.Process().children() if _is_slow(child, tmp_path)])


def test_what_somebody_else_wants_goes_on(tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = (
        f"import time\nwhile text == 'slow' and not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\nprint('{{}}')"
    )
    estimator = _estimator(tmp_path, body)
    estimator.ask("slow", tmp_path, asker="1")
    estimator.ask("slow", tmp_path, asker="2")
    assert _wait(lambda: estimator.ask("fast", tmp_path, asker="1")).plan == {}
    assert estimator.ask("slow", tmp_path, asker="2").state == "running"
    go.touch()
    assert _wait(lambda: estimator.ask("slow", tmp_path, asker="2")).plan == {}


def test_only_the_last_answers_are_kept(tmp_path: Path) -> None:
    estimator = _estimator(tmp_path, "")
    estimator._known.update({str(n): Estimate("ready", plan={}) for n in range(KEPT)})
    _wait(lambda: estimator.ask("a", tmp_path, asker="1"))
    assert len(estimator._known) == KEPT
    assert "0" not in estimator._known


def _is_slow(child: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder / "child.py") in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_json_of_the_child_is_read_as_it_is(tmp_path: Path) -> None:
    plan = {"n_runs": 3, "runs": [{"run_id": "a"}]}
    estimator = _estimator(tmp_path, f"print({json.dumps(json.dumps(plan))})")
    assert _wait(lambda: estimator.ask("a", tmp_path, asker="1")).plan == plan
