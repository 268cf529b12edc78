"""`ucurve import KIND` and `ucurve import auto`: verdicts, exit codes, progress, stopping."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.errors import ConfigError
from analysis.importers import auto
from analysis.importers.source import Item
from analysis.store import Store
from runner.cli import import_sources, imports
from tests.analysis.importers.scripted import KIND
from tests.runner.cli.calling import Answer, Caller
from tests.runner.cli.test_docs import _keys, _section

pytestmark = pytest.mark.slow  # each import starts a process


@pytest.fixture(autouse=True)
def _scripted_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The command line with one more kind; private folders where this test sees them."""
    imports.import_app.command(KIND.name)(import_sources._command(KIND))
    monkeypatch.setattr(import_sources, "KINDS", (KIND,))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    yield
    imports.import_app.registered_commands.pop()
    assert not list((tmp_path / "tmp").iterdir())


class Import:
    """`ucurve import scripted` of one script into one store."""

    def __init__(self, ucurve: Caller, folder: Path) -> None:
        self._ucurve, self.folder = ucurve, folder
        self.store = folder / "store"

    def __call__(
        self, *runs: dict[str, Any], verb: str = "scripted", options: tuple[object, ...] = (), **more: object
    ) -> Answer:
        path = self.folder / "script.json"
        path.write_text(json.dumps({"runs": runs, **more}))
        return self._ucurve("import", verb, path, "--store", self.store, *options)


@pytest.fixture
def imported(ucurve: Caller, tmp_path: Path) -> Import:
    return Import(ucurve, tmp_path)


def test_everything_complete_is_exit_code_0(imported: Import) -> None:
    answer = imported({"id": "a"}, {"id": "b", "tags": ["x"]})
    assert answer.code == 0
    assert "2 sources: 2 complete. Runs: 2 new." in answer.out
    before = Store.open(imported.store).snapshot().key
    answer = imported({"id": "a"}, {"id": "b", "tags": ["x"]})
    assert "2 sources: 2 complete. Runs: 2 known." in answer.out
    assert Store.open(imported.store).snapshot().key == before
    assert "1 changed, 1 known" in imported({"id": "a"}, {"id": "b", "tags": ["y"]}).out


def test_what_is_not_complete_is_exit_code_1_with_its_reason(imported: Import) -> None:
    runs: list[dict[str, Any]] = [
        {"id": "good"},
        {"id": "cut", "verdict": "partial", "reason": "cut"},
        {"id": "going", "verdict": "unverified", "reason": "still going"},
        {"id": "crash", "does": "segfault"},
        {"id": "refused", "refuses": "not a log"},
        {"id": "half", "parts": [{"id": "part"}], "does": "exit"},
    ]
    answer = imported(*runs, options=("--json",))
    assert answer.code == 1
    sources = {source["source"].split("#")[1]: source for source in answer.json["sources"]}  # type: ignore[index]
    assert {name: source["verdict"] for name, source in sources.items()} == {
        "good": "complete",
        "cut": "partial",
        "going": "unverified",
        "crash": "quarantined",
        "refused": "quarantined",
        "half": "partial",
        "half: script/part": "complete",
    }
    assert all(source["reason"] for source in sources.values() if source["verdict"] != "complete")
    assert imported({"id": "good"}, runs[1]).code == 1, "again it says so again"


def test_nothing_at_all_is_exit_code_2(imported: Import) -> None:
    answer = imported({"id": "a", "does": "exit"}, refuse=["b"])
    assert answer.code == 2
    assert "Nothing could be imported." in answer.err
    answer = imported()
    assert (answer.code, "nothing to import was found at" in answer.err) == (2, False)


def test_an_empty_place_makes_no_store(imported: Import) -> None:
    answer = imported()
    assert answer.code == 2
    assert "nothing to import was found at" in answer.err
    assert "scripts of the tests" in answer.err
    assert not imported.store.exists()


def test_a_missing_path_is_one_sentence(ucurve: Caller, tmp_path: Path) -> None:
    for verb in ("scripted", "auto"):
        answer = ucurve("import", verb, tmp_path / "no", "--store", tmp_path / "store")
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert "there is no file" in answer.err


def test_the_users_home_is_the_users(ucurve: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading process has another home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "script.json").write_text(json.dumps({"runs": [{"id": "a"}]}))
    assert ucurve("import", "scripted", "~/script.json", "--store", tmp_path / "store").code == 0
    assert "no home of such a user" in ucurve("import", "scripted", "~nobody-here/x", "--store", tmp_path / "store").err


def test_a_dry_run_lists_what_would_come_and_writes_nothing(imported: Import) -> None:
    answer = imported({"id": "a"}, refuse=["z"], options=("--dry-run",))
    assert answer.code == 0
    assert "1 new, 1 refused; nothing was imported." in answer.out
    assert not imported.store.exists()
    imported({"id": "a"}, {"id": "b"})
    answer = imported({"id": "a"}, {"id": "b", "n": 9}, {"id": "c"}, options=("--dry-run", "--json"))
    items = answer.json["items"]  # type: ignore[index]
    assert [(item["source"][-1], item["state"]) for item in items] == [("a", "known"), ("b", "changed"), ("c", "new")]


def test_what_is_gone_from_its_source_is_said_and_stays(imported: Import) -> None:
    imported({"id": "a"}, {"id": "b"})
    answer = imported({"id": "a"})
    assert answer.code == 0
    assert "1 known, 1 deleted" in answer.out
    assert len(Store.open(imported.store).snapshot().runs()) == 2
    before = Store.open(imported.store).snapshot().key
    assert "1 source: 1 complete. Runs: 1 known." in imported({"id": "a"}).out
    assert Store.open(imported.store).snapshot().key == before
    assert "2 sources: 2 complete. Runs: 1 unchanged, 1 known." in imported({"id": "a"}, {"id": "b"}).out


def test_a_broken_listing_deletes_nothing(imported: Import) -> None:
    imported({"id": "a"}, {"id": "b"})
    answer = imported({"id": "a"}, find_does="exit")
    assert answer.code == 1
    assert "the list of what there is may not be whole" in answer.err
    assert "deleted" not in answer.out
    assert "deleted" not in imported({"id": "a"}, refuse=["z"], hides_others=True).out
    assert "1 deleted" in imported({"id": "a"}, refuse=["z"]).out


def test_another_map_reads_everything_again(imported: Import, tmp_path: Path) -> None:
    imported({"id": "a", "config": {"speed": 0.5}})
    (tmp_path / "map.yaml").write_text("fields: {learning_rate: speed}\n")
    answer = imported({"id": "a", "config": {"speed": 0.5}}, options=("--map", tmp_path / "map.yaml"))
    assert "1 changed" in answer.out
    assert list(Store.open(imported.store).snapshot().runs()["learning_rate"]) == [0.5]


def test_secrets_are_counted_and_gone(imported: Import) -> None:
    secret = "sk-ant-api03-" + "Zx9" * 20
    answer = imported({"id": "a", "config": {"api_key": secret}}, options=("--json",))
    assert answer.json["n_redacted"] == 1  # type: ignore[index]
    assert (
        "Taken out on the way in: 1 secret (keys, passwords)."
        in imported({"id": "b", "config": {"api_key": secret}}).err
    )
    for path in imported.store.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_every_key_of_the_report_and_of_the_events_is_documented(imported: Import, tmp_path: Path) -> None:
    long = "x" * 201
    runs: list[dict[str, Any]] = [{"id": "a"}, {"id": "b", "attempts": [[[0, long, 1.0]]]}, {"id": "c", "does": "exit"}]
    progress = tmp_path / "progress.jsonl"
    report = imported(*runs, refuse=["z"], options=("--json", "--progress-file", progress)).json
    preview = imported(*runs, refuse=["z"], options=("--json", "--dry-run")).json
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    section = _section("ucurve import auto")
    assert not {key for key in _keys([report, preview, events]) if f"`{key}`" not in section}
    assert {event["event"] for event in events} <= {
        "looking",
        "found",
        "listed",
        "started",
        "reading",
        "read",
        "source",
        "end",
    }
    assert all(f"`{event['event']}`" in section for event in events)


def test_progress_tells_all_that_happens_in_order(imported: Import, tmp_path: Path) -> None:
    imported({"id": "a"})
    progress = tmp_path / "progress.jsonl"
    imported({"id": "a"}, {"id": "b"}, options=("--progress-file", progress))
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    names = [event["event"] for event in events if event["event"] != "reading"]
    assert names == ["looking", "found", "found", "listed", "source", "started", "read", "source", "end"]
    assert (events[3]["n_items"], events[3]["n_known"]) == (2, 1)
    assert events[-1]["n_new"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_progress_file_does_not_end_the_import(imported: Import) -> None:
    answer = imported({"id": "a"}, options=("--progress-file", "/dev/full"))
    assert answer.code == 0, answer.err
    assert answer.err.count("cannot be written any more: No space left on device") == 1


def test_a_progress_file_that_cannot_be_written_is_one_sentence(imported: Import, tmp_path: Path) -> None:
    answer = imported({"id": "a"}, options=("--progress-file", tmp_path / "no" / "p.jsonl"))
    assert (answer.code, "cannot write the progress file" in answer.err) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_what_is_read_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    script, store, read = tmp_path / "script.json", tmp_path / "store", tmp_path / "read.txt"
    script.write_text(json.dumps({"runs": [{"id": "a"}, {"id": "b", "does": "hang"}]}))
    command = [sys.executable, "-m", "tests.analysis.importers.scripted_cli", "import", "scripted", str(script)]
    environment = os.environ | {"SCRIPTED_LOG": str(read), "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen(
        [*command, "--store", str(store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )
    while not read.exists() or len(read.read_text().splitlines()) < 2:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("Stopped. What was read whole is in the store")
    assert not any(child.is_running() for child in children)
    assert len(Store.open(store).snapshot().runs()) == 1


class TestAuto:
    def test_a_kind_that_understands_nothing_is_passed_by(
        self, imported: Import, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        missing = replace(KIND, name="missing", module="tests.analysis.importers.isolation.starter")
        monkeypatch.setattr(
            import_sources, "KINDS", (replace(missing, module="tests.analysis.importers.nowhere"), KIND)
        )
        answer = imported({"id": "a"}, verb="auto")
        assert answer.code == 1
        assert "1 complete" in answer.out
        assert "missing: the list of what there is may not be whole" in answer.err

    def test_nothing_recognised_names_what_was_looked_for(self, imported: Import) -> None:
        answer = imported(verb="auto")
        assert answer.code == 2
        assert "looked for: scripts of the tests" in answer.err

    def test_one_run_in_several_forms_is_taken_once(self) -> None:
        def item(kind: str, folder: str | None) -> Item:
            place = None if folder is None else Path(folder)
            return Item(kind=kind, label=f"{kind}:{folder}", digest="", locator={}, folder=place)

        trainer, events = item("trainer", "/runs/a"), item("tensorboard", "/runs/a/runs")
        other, database = item("tensorboard", "/runs/b"), item("mlflow", None)
        scores, axolotl = item("lm-eval", "/runs/a/eval"), item("axolotl", "/runs/a")
        chosen, notes = auto.choose([trainer, events, other, database, scores])
        assert chosen == [trainer, scores, database, other]
        assert notes[0] == "recognised: 1 x trainer, 1 x lm-eval, 1 x mlflow, 1 x tensorboard"
        assert notes[1:] == [
            "tensorboard:/runs/a/runs (tensorboard) is the same run as trainer:/runs/a (trainer): taken once"
        ]
        assert auto.choose([trainer, axolotl])[0] == [axolotl]
        log = item("wandb", "/runs/a/wandb/run-1")
        assert auto.choose([trainer, log])[0] == [log], "the log inside says more than the folder around it"
        assert auto.choose([trainer, item("trainer", "/runs/a/checkpoint")])[0] != [trainer]

    def test_targets_must_exist(self, tmp_path: Path) -> None:
        auto.check_targets([str(tmp_path)])
        with pytest.raises(ConfigError, match="check the path"):
            auto.check_targets([str(tmp_path / "no")])


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("~no-such-user-here/x", "no home of such a user"),
        ("x" * 5000, "File name too long"),
    ],
)
@pytest.mark.parametrize("kind", ["auto", "tinker", "wandb"])
def test_a_target_that_cannot_be_looked_at(kind: str, target: str, why: str, ucurve: Caller, tmp_path: Path) -> None:
    answer = ucurve("import", kind, target, "--store", tmp_path / "store")
    assert answer.code == 2
    assert why in answer.err
    assert len(answer.err) < 300, "one sentence"
    assert not (tmp_path / "store").exists()
