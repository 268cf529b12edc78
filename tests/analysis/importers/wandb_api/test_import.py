"""Whole imports: a reading process with the real client, the stub server, and a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.importers.registry import KINDS
from analysis.importers.sink import ImportReport, import_from
from analysis.importers.source import Request
from analysis.store import Store
from tests.analysis.importers.sink.bringing import contents, versions
from tests.analysis.importers.wandb_api.stub_runs import StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import API_KEY, Fault, StubServer

pytestmark = pytest.mark.slow

_WANDB = [kind for kind in KINDS if kind.name == "wandb"]


def _import(store: Store, server: StubServer, *targets: str) -> ImportReport:
    request = Request(targets=targets or ("team/proj",), options={"base_url": server.url}, now=1_782_000_000.0)
    return import_from(_WANDB, request, store)


def _states(report: ImportReport) -> dict[str, str]:
    return {line.result.source.split("/")[-1]: line.state for line in report.lines}


def _values(store: Store) -> dict[str, dict[tuple[int, int, str], float]]:
    """W&B's run id -> (attempt, step, name) -> value."""
    snapshot = store.snapshot()
    places = {
        str(row["run_id"]): json.loads(str(row["provenance_json"]))["wandb"]["run_id"]
        for row in snapshot.runs().to_dict("records")
    }
    found: dict[str, dict[tuple[int, int, str], float]] = {name: {} for name in places.values()}
    for row in snapshot.logged(list(places)).to_pylist():
        place = (row["attempt"], row["step"], row["name"])
        assert place not in found[places[row["run_id"]]]
        found[places[row["run_id"]]][place] = row["value"]
    return found


def _truth(rows: list[dict[str, Any]]) -> dict[tuple[int, int, str], float]:
    return {(1, row["_step"], name): value for row in rows for name, value in row.items() if name[0] != "_"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def test_imports_again_and_again(server: StubServer, store: Store, tmp_path: Path) -> None:
    runs = [StubRun(name, numbered_rows(range(30)), config={"lr": 1e-4, "n": name}) for name in ("a", "b", "c")]
    going = StubRun("going", numbered_rows(range(20)), state="running")
    server.add(*runs, going)

    first = _import(store, server)
    assert set(_states(first).values()) == {"new"}
    assert {line.result.verdict for line in first.lines} == {"complete", "unverified"}
    assert _values(store) == {run.name: _truth(run.rows) for run in (*runs, going)}

    before, n_runs_asked = versions(store), server.counts["Run"]
    again = _import(store, server)
    assert versions(store) == before
    assert _states(again) == {"a": "known", "b": "known", "c": "known", "going": "unchanged"}
    assert server.counts["Run"] - n_runs_asked == 1

    runs[1].tags = ["baseline"]
    going.rows, going.exports = numbered_rows(range(45)), [(0, 40)]
    tagged = _import(store, server)
    assert _states(tagged) == {"a": "known", "b": "changed", "c": "known", "going": "extended"}
    assert _values(store) == {run.name: _truth(run.rows) for run in (*runs, going)}

    going.state = "finished"
    finished = _import(store, server)
    assert _states(finished)["going"] == "changed"
    assert {line.result.verdict for line in finished.lines} == {"complete"}
    assert _values(store)["going"] == _truth(going.rows)

    stored = contents(store)
    server.fault("Runs", Fault(503), times=9)
    assert _states(_import(store, server)) == {"proj": "refused"}
    found = contents(store)
    assert all(found[name] == stored[name] for name in ("runs", "metrics", "objects"))
    assert [line for line in found["imports"] if line in stored["imports"]] == stored["imports"]

    assert API_KEY not in repr(contents(store))
    assert API_KEY not in "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())


def test_the_reading_process_finds_the_key_and_the_server_that_the_user_set(
    server: StubServer, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "home" / ".config" / "wandb" / "settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[default]\nbase_url = {server.url}\n")
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine {server.url.removeprefix('http://')}\n  login user\n  password {API_KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_API_KEY", "WANDB_CONFIG_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")  # of a user who trains so; it is no reason not to import
    server.add(StubRun("a", numbered_rows(range(3))))
    report = import_from(_WANDB, Request(targets=("team/proj",), now=1_782_000_000.0), store)
    assert _states(report) == {"a": "new"}
    assert settings.read_text() == f"[default]\nbase_url = {server.url}\n"


def test_a_run_offline_and_on_the_server_is_one(server: StubServer, store: Store, ended_logs: dict[str, Path]) -> None:
    log = ended_logs["raise"]
    report = _import(store, server, str(log))
    assert [line.state for line in report.lines] == ["new"]
    offline = _values(store)["raise"]
    server.add(StubRun("raise", _logged_rows(log), project="raise", state="failed"))
    online = _import(store, server, "team/raise")
    assert [line.state for line in online.lines] in (["unchanged"], ["changed"])
    assert _values(store) == {"raise": offline}


def _logged_rows(log: Path) -> list[dict[str, Any]]:
    """The rows as a server would have them."""
    from analysis.importers.wandb_log import read_run_log

    rows: dict[int, dict[str, Any]] = {}
    for cell in read_run_log(log).history.to_pylist():
        row = rows.setdefault(cell["step"], {"_step": cell["step"]})
        row |= {"_timestamp": cell["timestamp"], "_runtime": cell["runtime"], cell["key"]: cell["number"]}
    return list(rows.values())
