"""Which runs are found, what it costs, and which of them changed."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.errors import ConfigError
from analysis.importers.source import Item
from analysis.importers.source_run import Refusal
from tests.analysis.importers.wandb_api.conftest import Importer
from tests.analysis.importers.wandb_api.stub_runs import StubRun, numbered_rows
from tests.analysis.importers.wandb_api.stub_server import Fault

pytestmark = pytest.mark.slow


def _fill(importer: Importer, n_runs: int) -> list[StubRun]:
    runs = [StubRun(f"r{i:03}", numbered_rows(range(3)), config={"lr": i}) for i in range(n_runs)]
    importer.server.add(*runs)
    return runs


def test_130_runs_take_fewer_than_10_requests(importer: Importer) -> None:
    _fill(importer, 130)
    items = importer.items()
    assert [item.label for item in items] == [f"team/proj/r{i:03}" for i in range(130)]
    assert {item.n_rows for item in items} == {3}
    assert sum(importer.server.counts.values()) < 10
    assert importer.server.counts["Run"] == 0


def test_the_order_and_the_pages_are_asked_for_as_they_should(importer: Importer) -> None:
    _fill(importer, 3)
    importer.items()
    asked = importer.server.variables["Runs"]
    assert {(variables["order"], variables["perPage"]) for variables in asked} == {("+created_at", 100)}
    assert len(asked) == 2


@pytest.mark.parametrize("page", [1, 2, 3])
def test_runs_that_are_deleted_while_they_are_listed_hide_no_others(importer: Importer, page: int) -> None:
    runs = _fill(importer, 230)
    gone = runs[40:43]
    for _ in range(page):
        importer.server.fault("Runs", Fault())
    importer.server.fault("Runs", Fault(before=lambda: importer.server.delete(*gone)))
    labels = {found.label for found in importer.find()}
    assert {f"team/proj/{run.name}" for run in runs if run not in gone} <= labels


def test_a_run_that_is_created_while_they_are_listed_comes_too(importer: Importer) -> None:
    _fill(importer, 120)
    importer.server.fault("Runs", Fault(before=lambda: importer.server.add(StubRun("late"))))
    assert "team/proj/late" in {item.label for item in importer.items()}


def test_runs_that_are_counted_and_never_listed_are_said(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(importer, 5)
    answer = importer.server.graphql

    def counts_more(operation: str, asked: dict[str, Any], query: str) -> dict[str, Any] | None:
        given = answer(operation, asked, query)
        if operation == "Runs" and given is not None:
            given["project"]["runCount"] = 7
        return given

    monkeypatch.setattr(importer.server, "graphql", counts_more)
    *items, refusal = importer.find()
    assert len(items) == 5
    assert isinstance(refusal, Refusal)
    assert "says that there are 7 runs, and lists 5" in refusal.reason


def test_a_listing_that_breaks_off_gives_what_it_has_and_says_so(importer: Importer) -> None:
    _fill(importer, 130)
    importer.server.fault("Runs", Fault())
    importer.server.fault("Runs", Fault(503), times=9)
    *items, refusal = importer.find()
    assert [item.label for item in items] == [f"team/proj/r{i:03}" for i in range(100)]
    assert isinstance(refusal, Refusal)
    assert refusal.hides_others
    assert "HTTP 503" in refusal.reason


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["baseline"]}, {"state": "running"}, {"config": {"lr": 2}}, {"summary": {"loss": 1.0}},
        {"rows": numbered_rows(range(4))}, {"line_count": 9}, {"fields": {"heartbeatAt": "2026-06-02T00:00:00"}},
        {"fields": {"notes": "new"}}, {"fields": {"group": "g"}}, {"fields": {"jobType": "j"}},
        {"fields": {"displayName": "n"}},
    ],
    ids=str,
)  # fmt: skip
def test_any_change_of_a_run_changes_its_digest_and_no_other(importer: Importer, change: dict[str, Any]) -> None:
    runs = _fill(importer, 3)
    before = {item.label: item.digest for item in importer.items()}
    assert {item.label: item.digest for item in importer.items()} == before
    for name, value in change.items():
        setattr(runs[1], name, value)
    after = {item.label: item.digest for item in importer.items()}
    assert {label for label in after if after[label] != before[label]} == {"team/proj/r001"}


def test_filters_and_since_reach_the_server(importer: Importer) -> None:
    old, new, going = (StubRun(name, created_at=at, state=state) for name, at, state in (
        ("old", "2026-01-01T00:00:00", "finished"), ("new", "2026-06-20T00:00:00", "finished"),
        ("going", "2026-01-02T00:00:00", "running"),
    ))  # fmt: skip
    new.tags = ["x"]
    importer.server.add(old, new, going)
    labels = [item.label.split("/")[-1] for item in importer.items(since="2026-06-01")]
    assert labels == ["new", "going"]
    labels = [item.label.split("/")[-1] for item in importer.items(since="2026-06-01", filter='{"tags": "x"}')]
    assert labels == ["new"]
    assert importer.items(filter='{"tags": "nothing has it"}') == []


def test_the_same_run_named_twice_comes_once(importer: Importer) -> None:
    _fill(importer, 2)
    link = f"{importer.server.url}/team/proj/runs/r001"
    items = importer.items("team/proj/r001", link, "team/proj")
    assert [item.label for item in items] == ["team/proj/r001", "team/proj/r000"]
    assert [item for item in importer.items() if item.label == items[0].label] == [items[0]]


def test_a_run_whose_config_is_no_json_does_not_spoil_the_listing(importer: Importer) -> None:
    runs = _fill(importer, 3)
    runs[1].fields = {"config": "{broken"}
    items = importer.items()
    assert len(items) == 3
    found = [importer.run(name) for name in ("r000", "r001", "r002")]
    assert [run.verdict for run in found] == ["complete", "partial", "complete"]
    assert found[1].reason == "what the server sent as config is no JSON"


@pytest.mark.parametrize("target", ["team/nothing", "team/proj/nothing"])
def test_what_is_not_there_says_so(importer: Importer, target: str) -> None:
    _fill(importer, 1)
    with pytest.raises(ConfigError, match="check the spelling"):
        importer.find(target)


def test_nothing_secret_is_in_an_item(importer: Importer) -> None:
    _fill(importer, 1)
    (item,) = importer.find()
    assert isinstance(item, Item)
    assert set(item.locator) == {"server", "entity", "project", "run_id"}
