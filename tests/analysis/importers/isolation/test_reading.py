"""What a source does to its reading process costs one item; nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.errors import ConfigError
from analysis.importers.isolation import (
    Broken,
    Done,
    Event,
    Found,
    Limits,
    Reader,
    Refused,
    Run,
    Skipped,
    Started,
    read_apart,
)
from analysis.importers.isolation.process import ReadingProcess
from analysis.importers.source import Request
from tests.analysis.importers.scripted import KIND

SECRET = "sk-" + "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
pytestmark = pytest.mark.slow  # each starts processes
QUICK = Limits(silent_s=6.0, most_breaks=99, memory_bytes=3 * 1024**3)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private folders are made in a place of this test's own, so that it sees what stays."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def script(tmp_path: Path, *runs: dict[str, Any], **more: object) -> Request:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"runs": runs, **more}))
    return Request(targets=(str(path),))


def read(request: Request, limits: Limits = QUICK, known: Sequence[str] = ()) -> list[Event]:
    return list(read_apart(KIND, request, lambda item: item.locator["id"] in known, limits))


def ends(events: Sequence[Event]) -> dict[str, str]:
    """Item -> how it ended: `done`, or the reason."""
    return {
        event.item.locator["id"]: event.reason if isinstance(event, Broken) else "done"
        for event in events
        if isinstance(event, Done | Broken) and event.item is not None
    }


def test_everything_is_found_first_and_read_in_order(tmp_path: Path) -> None:
    events = read(script(tmp_path, {"id": "a", "n": 4}, {"id": "b"}, refuse=["c"]))
    names = [type(event).__name__ for event in events if type(event).__name__ != "Reading"]
    assert names == ["Refused", "Found", "Found", "Started", "Run", "Done", "Started", "Run", "Done"]
    runs = [event.run for event in events if isinstance(event, Run)]
    assert [(run.label, len(run.history)) for run in runs] == [("script/a", 4), ("script/b", 3)]


def test_known_items_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTED_LOG", str(tmp_path / "read.txt"))
    events = read(script(tmp_path, {"id": "a"}, {"id": "b"}), known=["a"])
    assert [event.item.locator["id"] for event in events if isinstance(event, Skipped)] == ["a"]
    assert [line.split()[0] for line in (tmp_path / "read.txt").read_text().splitlines()] == ["b"]


BREAKS = {
    "hang": "gave no sign of life for 6 s",
    "exit": "exit code 7",
    "segfault": "SIGSEGV",
    "eat": "more memory",
    "raise": "RuntimeError: a fault of the source",
    "nonsense": "no event",
    "bad_parcel": "the columns of history",
}


def test_each_broken_item_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    runs = [run for deed in BREAKS for run in ({"id": deed, "does": deed}, {"id": f"after {deed}"})]
    how = ends(read(script(tmp_path, *runs)))
    for deed, reason in BREAKS.items():
        assert reason in how[deed]
        assert how[f"after {deed}"] == "done"


def test_runs_that_arrived_before_the_break_are_kept(tmp_path: Path) -> None:
    events = read(script(tmp_path, {"id": "bad", "parts": [{"id": "one"}, {"id": "two"}], "does": "segfault"}))
    assert [event.run.label for event in events if isinstance(event, Run)] == ["script/one", "script/two"]
    assert "SIGSEGV" in ends(events)["bad"]


def test_what_libraries_print_is_no_event(tmp_path: Path) -> None:
    assert ends(read(script(tmp_path, {"id": "a", "does": "print"}))) == {"a": "done"}


def test_after_a_few_breaks_in_a_row_the_rest_is_not_tried(tmp_path: Path) -> None:
    limits = Limits(most_breaks=2)
    runs = [{"id": str(number), "does": "exit"} for number in range(4)]
    how = ends(read(script(tmp_path, *runs), limits))
    assert ["exit code 7" in how["0"], "exit code 7" in how["1"]] == [True, True]
    assert how["2"] == how["3"] == "not tried: reading broke over 2 things in a row before it"


def test_a_break_while_looking_says_that_the_list_is_not_whole(tmp_path: Path) -> None:
    events = read(script(tmp_path, {"id": "a"}, find_does="exit"))
    assert [type(event) for event in events[:2]] == [Found, Broken]
    assert ends(events) == {"a": "done"}


def test_a_wrong_target_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a script"):
        read(Request(targets=(str(tmp_path / "missing"),)))


def test_secrets_leave_the_process_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    config = {"deep": {"note": f"uses {SECRET}"}}
    request = script(tmp_path, {"id": "a", "config": config, "name": SECRET}, {"id": "b", "refuses": f"no {SECRET}"})
    events = read(request)
    run = next(event for event in events if isinstance(event, Run))
    assert SECRET not in repr(run)
    assert run.n_redacted >= 2
    assert SECRET not in next(event.refusal.reason for event in events if isinstance(event, Refused))


def test_the_folder_is_private_and_nothing_stays(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with Reader([KIND], script(tmp_path, {"id": "a", "does": "hang"})) as reader:
        item = next(event.item for event in reader.find("scripted") if isinstance(event, Found))
        assert isinstance(next(iter(reader.read(item))), Started)
        (folder,) = (tmp_path / "tmp").iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert not list((tmp_path / "tmp").iterdir())


def test_what_the_process_has_started_ends_with_it(tmp_path: Path) -> None:
    """Also what has a session of its own, as wandb's helper process has."""
    process = ReadingProcess(script(tmp_path), Limits())
    command = {"do": "find", "module": "tests.analysis.importers.isolation.starter"}
    process.send(command)
    pid = int(str(process.receive()["reason"]).split()[-1])
    assert psutil.pid_exists(pid)
    process.end()
    assert _is_gone(pid)


def test_a_killed_parent_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    request = script(tmp_path, {"id": "a", "does": "hang"})
    code = (
        "import sys; from analysis.importers.isolation import read_apart\n"
        "from analysis.importers.source import Request\n"
        "from tests.analysis.importers.scripted import KIND\n"
        "for e in read_apart(KIND, Request(targets=(sys.argv[1],)), lambda item: False):\n"
        "    print(type(e).__name__, flush=True)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "SCRIPTED_LOG": str(tmp_path / "read.txt")}
    parent = subprocess.Popen([sys.executable, "-c", code, request.targets[0]], env=environment)
    _wait_until((tmp_path / "read.txt").exists)
    pid = int((tmp_path / "read.txt").read_text().split()[1])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _is_gone(pid)
    _wait_until(lambda: not list((tmp_path / "tmp").iterdir()))


def _is_gone(pid: int) -> bool:
    _wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return True


def _wait_until(holds: Any) -> None:  # noqa: ANN401 - any function without arguments
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")
