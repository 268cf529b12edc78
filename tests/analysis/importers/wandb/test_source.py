"""What the source finds at paths and names, what it refuses, and what it says of a run beside its history."""

from __future__ import annotations

import json
import os
import sys
import time
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.registry import load_source
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.wandb import SOURCE
from analysis.importers.wandb.targets import is_local
from tests.analysis.importers.reading import fingerprint, read_all
from tests.analysis.importers.wandb.made_up import START, place, read_one, row, run_at, write_part
from tests.analysis.importers.wandb_log.frames import HEADER, exit_record, new_record, numbered, write_log


class Online:
    """Stands in for the reader of servers."""

    kind = "wandb"

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        for target in request.targets:
            if "nobody" in target:
                raise ConfigError(f"the server knows no project {target!r}")
            yield Item(kind="wandb", label=target, digest="", locator={"run": target})

    def read(self, item: Item, *_: object) -> Iterator[SourceRun | Refusal]:
        yield Refusal(kind="wandb", label=item.label, reason=item.locator["run"])


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("analysis.importers.wandb_api")
    monkeypatch.setattr(module, "SOURCE", Online(), raising=False)
    monkeypatch.setitem(sys.modules, "analysis.importers.wandb_api", module)


def test_the_source_goes_by_its_name() -> None:
    assert load_source("wandb") is SOURCE
    assert SOURCE.kind == "wandb"


@pytest.mark.parametrize(
    "target",
    [
        "team/project",
        "team/project/abc123",
        "team/project/runs/abc123",
        "https://wandb.ai/team/project",
        "http://h/a/b",
    ],
)
def test_names_and_addresses_are_for_the_server(target: str) -> None:
    assert not is_local(target)


def test_an_existing_path_wins_over_a_project_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_part(tmp_path / "team" / "project", run_at(0), row(0, x=1))
    assert is_local("team/project")
    assert read_one(Path("team/project")).rows_got == 1


@pytest.mark.parametrize(
    "target",
    ["/nowhere/at-all", "./team/project", "../a/b", "~/no/such", "team/project/", "a/b.wandb", "a//b", "x.wandb"],
)
def test_what_looks_like_a_path_must_exist(target: str) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        is_local(target)


@pytest.mark.parametrize("target", ["project", "", "a/b/c/d/e", "a b\\c", "team/pro:ject", "x" * 5000])
def test_what_is_neither_says_both_readings(target: str) -> None:
    with pytest.raises(ConfigError, match=r"neither a file or folder here nor a project.*write entity/project"):
        is_local(target)


@pytest.mark.usefixtures("online")
def test_paths_and_projects_may_stand_side_by_side(tmp_path: Path) -> None:
    write_part(tmp_path, run_at(0), row(0, x=1))
    runs, refusals = read_all(SOURCE, "team/project", tmp_path)
    assert [run.label for run in runs] == ["p/r (local)"]
    assert [refusal.reason for refusal in refusals] == ["team/project"]


@pytest.mark.usefixtures("online")
def test_a_name_that_the_server_does_not_know_may_have_been_a_path() -> None:
    with pytest.raises(
        ConfigError, match=r"no project 'logs/nobody' \(nor is there a file or folder 'logs/nobody' here"
    ):
        read_all(SOURCE, "logs/nobody")
    with pytest.raises(ConfigError, match=r"no project 'https://wandb\.ai/nobody/p'$"):
        read_all(SOURCE, "https://wandb.ai/nobody/p")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b":W&B\xe1", "ends inside its header: the run was killed before its first write"),
        (HEADER, "nothing is in the log yet: the run was killed before its first write"),
        (b"PK\x03\x04" + bytes(100), "no W&B log"),
        (HEADER[:-1] + b"\x09" + bytes(100), "version"),
        (write_log(numbered([row(0, x=1), exit_record()])), "run record is lost"),
    ],
)
def test_what_says_no_run_is_refused_with_its_reason_and_the_others_come(
    tmp_path: Path, content: bytes, words: str
) -> None:
    bad = place(tmp_path / "bad" / "run-bad.wandb", content)
    write_part(tmp_path / "good", run_at(0), row(0, x=1))
    runs, refusals = read_all(SOURCE, tmp_path)
    assert [run.rows_got for run in runs] == [1]
    (refusal,) = refusals
    assert refusal.label == str(bad)
    assert words in refusal.reason


def test_a_file_of_another_kind_is_no_log_unless_it_is_called_one(tmp_path: Path) -> None:
    other = place(tmp_path / "runs.db", b"SQLite format 3\0")
    assert read_all(SOURCE, other) == ([], [])
    renamed = write_part(tmp_path, run_at(0), row(0, x=1)).rename(tmp_path / "log.bin")
    assert read_one(renamed).rows_got == 1
    _, (refusal,) = read_all(SOURCE, other.rename(tmp_path / "named.wandb"))
    assert "no W&B log" in refusal.reason


@pytest.mark.parametrize("option", ["filter", "since"])
def test_an_option_for_servers_is_not_passed_over(tmp_path: Path, option: str) -> None:
    write_part(tmp_path, run_at(0), row(0, x=1))
    with pytest.raises(ConfigError, match=f"{option} ask a server"):
        read_all(SOURCE, tmp_path, options={option: "1d"})


def test_a_place_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run-gone.wandb").symlink_to(tmp_path / "nowhere")
    _, (refusal,) = read_all(SOURCE, tmp_path)
    assert refusal.label == str(tmp_path / "run-gone.wandb")
    assert "cannot be looked at" in refusal.reason


def test_nothing_at_the_sources_is_touched(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), row(0, x=1))
    for path in [*tmp_path.rglob("*"), tmp_path]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = fingerprint(tmp_path)
    assert read_one(tmp_path).rows_got == 1
    assert fingerprint(tmp_path) == before


def items(*targets: Path) -> list[Item]:
    found = [*SOURCE.find(Request(targets=tuple(map(str, targets))))]
    return [item for item in found if isinstance(item, Item)]


def test_an_item_is_a_run_whose_digest_changes_with_its_logs(tmp_path: Path) -> None:
    first = write_part(tmp_path / "a", run_at(0, entity="team"), row(0, x=1))
    (tmp_path / "a" / "files").mkdir()
    write_part(tmp_path / "b", run_at(0, project="q"), row(0, x=1))
    one, other = items(tmp_path)
    by_label = {item.label: item for item in (one, other)}
    item = by_label["team/p/r (local)"]
    assert item.folder == first.parent
    assert by_label["q/r (local)"].folder is None, "no folder that the client made"
    assert items(tmp_path) == [one, other]
    os.utime(first, (START, START + 1))
    assert {found.label: found for found in items(tmp_path)}["team/p/r (local)"].digest != item.digest
    write_part(tmp_path / "c", run_at(100, entity="team"), row(0, x=1))
    changed = {found.label: found for found in items(tmp_path)}
    assert changed["q/r (local)"] == by_label["q/r (local)"]
    assert changed["team/p/r (local)"].digest != item.digest
    assert changed["team/p/r (local)"].folder is None


def test_a_log_that_was_replaced_since_it_was_found_is_refused(tmp_path: Path) -> None:
    path = write_part(tmp_path, run_at(0), row(0, x=1))
    (item,) = items(tmp_path)
    place(path, b"something else")
    (answer,) = SOURCE.read(item, Request(targets=(str(tmp_path),)), lambda _: None)
    assert isinstance(answer, Refusal)
    assert "import again" in answer.reason


def test_a_file_in_the_middle_of_a_write_is_waited_for(tmp_path: Path) -> None:
    path = write_part(tmp_path, run_at(0), row(0, x=1))
    os.utime(path)
    (item,) = items(tmp_path)
    signs: list[int] = []
    written = time.time()
    (run,) = SOURCE.read(item, Request(targets=(str(tmp_path),), now=written), signs.append)
    assert isinstance(run, SourceRun)
    assert run.rows_got == 1
    assert time.time() - path.stat().st_mtime >= 1.0
    assert signs, "whoever waits gives signs of life"


def test_reading_gives_signs_of_life(tmp_path: Path) -> None:
    write_part(tmp_path / "a", run_at(0), *(row(step, x=1) for step in range(10_100)))
    write_part(tmp_path / "b", run_at(100), *(row(step, x=2) for step in range(10_100)))
    (item,) = items(tmp_path)
    signs: list[int] = []
    (run,) = SOURCE.read(item, Request(targets=(), now=START), signs.append)
    assert isinstance(run, SourceRun)
    assert [sign for sign in signs if sign] == [9_999, 20_099]
    assert run.rows_got == 20_200


def test_who_the_run_is_and_what_made_it(tmp_path: Path) -> None:
    config = {"lr": 1, "_wandb": {"cli_version": "0.12", "python_version": "3.9"}, "ucurve": {"run_id": "own-1"}}
    names = {"entity": "team", "run_group": "g", "job_type": "sft", "display_name": "n", "sweep_id": "s1"}
    facts = run_at(0.25, config=config, notes="why", tags=["a", "b"], host="node", **names)
    noted = {
        "os": "Linux",
        "args": ["--lr", "1"],
        "git": {"remote_url": "u", "commit": "c"},
        "email": "e",
        "root": "/r",
    }
    goal = new_record(metric={"name": "acc", "goal": 2})
    glob = new_record(metric={"glob_name": "loss/*", "goal": 1})
    write_part(
        tmp_path, facts, new_record(environment=noted), goal, glob, row(0, **{"loss/a": 1, "loss/b": 2, "acc": 3}),
        new_record(summary={"update": [{"key": key, "value_json": "1"} for key in ("best", "_step", "_wandb")]}),
    )  # fmt: skip
    run = read_one(tmp_path)
    assert (run.label, run.key) == ("team/p/r (local)", ("local", "team", "p", "r"))
    assert (run.name, run.group, run.job_type, run.sweep) == ("n", "g", "sft", "s1")
    assert (run.tags, run.notes_text, run.own_run_id) == (("a", "b"), "why", "own-1")
    assert run.created_at == datetime.fromtimestamp(START + 0.25, UTC)
    assert (run.config, run.summary) == ({"lr": 1, "ucurve": {"run_id": "own-1"}}, {"best": 1})
    assert run.columns == {"host": "node"}
    assert run.directions == {"loss/a": "min", "loss/b": "min", "acc": "max"}
    assert run.environment == {
        "versions": {"wandb": "0.12", "python": "3.9"},
        "wandb": {"entity": "team", "project": "p", "run_id": "r"},
        "os": "Linux",
        "args": ["--lr", "1"],
        "git": {"remote_url": "u", "commit": "c"},
        "host": "node",
    }
    json.dumps(run.environment)


@pytest.mark.parametrize(
    "config", [{"ucurve": "x"}, {"ucurve": {"run_id": 3}}, {"ucurve.run_id": "x"}, {"run_id": "x"}]
)
def test_only_the_mirrors_own_key_makes_a_mirror(tmp_path: Path, config: dict[str, object]) -> None:
    assert read_one(write_part(tmp_path, run_at(0, config=config))).own_run_id is None


def test_how_a_run_stands_without_an_end(tmp_path: Path) -> None:
    path = write_part(tmp_path, run_at(0), row(0, x=1), ended=False)
    alive = read_one(path, now=START + 5)
    assert (alive.status, alive.verdict, alive.exit_code) == ("running", "unverified", None)
    left = read_one(path, now=START + 601)
    assert (left.status, left.verdict) == ("lost", "unverified")
    assert left.status_reason
    assert left.reason is not None
    assert "no exit record" in left.reason
