"""The importing process killed at any moment, and two of them at once: the store ends as after one quiet import."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from analysis.store import Store
from tests.analysis.importers.sink.bringing import contents

pytestmark = pytest.mark.slow

_KILLS = 15
_LONGEST_S = 2.5
"""An undisturbed import of the script takes about 2 s, so kills fall into each of its parts."""


def _script(path: Path) -> Path:
    """Runs that take a while, in items of one and of several."""
    chance = random.Random(4)  # noqa: S311 - no secret in it
    runs: list[dict[str, Any]] = []
    for number in range(25):
        points = [[step, name, chance.random()] for step in range(40) for name in ("loss", "lr")]
        run = {"id": f"r{number}", "attempts": [points], "slow": 0.02, "config": {"seed": number}}
        run["objects"] = [[1, 3, "table", f"[{number}]"]]
        run["scores"] = [{"benchmark": "arc", "metric": "acc", "score": chance.random(), "step": 39}]
        runs.append(run)
    runs.append({"id": "many", "parts": [{"id": f"p{part}", "n": 20} for part in range(10)]})
    path.write_text(json.dumps({"runs": runs}))
    return path


def _start(script: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.analysis.importers.scripted_cli", "import", "scripted", str(script)]
    log = subprocess.DEVNULL
    return subprocess.Popen([*command, "--store", str(store), "--json"], stdout=log, stderr=log)


def _finish(script: Path, store: Path) -> None:
    assert _start(script, store).wait(120) == 0


def test_kills_at_random_moments_leave_what_the_next_import_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_MOST_RUNS", "4")  # many small commits, so that kills fall between them
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    script = _script(tmp_path / "script.json")
    _finish(script, tmp_path / "quiet")
    expected = contents(Store.open(tmp_path / "quiet"))
    assert len(expected["metrics"]) == 25 * 80 + 10 * 20
    chance = random.Random(7)  # noqa: S311 - no secret in it
    store = tmp_path / "killed"
    for _ in range(_KILLS):
        process = _start(script, store)
        time.sleep(chance.uniform(0.3, _LONGEST_S))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _assert_no_half_run(store, expected)
    _finish(script, store)
    assert contents(Store.open(store)) == expected
    assert Store.open(store).check() == []


def _assert_no_half_run(store: Path, expected: dict[str, list[dict[str, object]]]) -> None:
    """Every run that can be seen has all of its values."""
    if not (store / "ucurve-store.json").exists():
        return
    found = contents(Store.open(store))
    shown = {row["run_id"] for row in found["runs"]}
    for name in ("metrics", "objects", "evals"):
        assert found[name] == [row for row in expected[name] if row["run_id"] in shown]


def test_two_imports_at_once_store_everything_once(tmp_path: Path) -> None:
    script = _script(tmp_path / "script.json")
    _finish(script, tmp_path / "quiet")
    both = [_start(script, tmp_path / "both") for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert contents(Store.open(tmp_path / "both")) == contents(Store.open(tmp_path / "quiet"))
