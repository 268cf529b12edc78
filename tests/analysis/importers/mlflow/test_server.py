from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from analysis.importers.mlflow import SOURCE, server
from analysis.importers.source import Item, Request
from tests.analysis.importers.mlflow.stub_server import Answer, long_history, recorded, serve
from tests.analysis.importers.reading import NOW, curve, read_all

_ANSWERS: dict[str, str] = json.loads((Path(__file__).parent / "logs" / "answers.json").read_text())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_RETRIES", server._RETRIES.new(backoff_factor=0))
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.mark.parametrize("n_points", [24_999, 25_000, 25_001, 60_000])
def test_histories_of_many_pages_come_whole(n_points: int) -> None:
    with serve(long_history(n_points)) as stub:
        (run,), refusals = read_all(SOURCE, stub.address)

    assert not refusals
    assert (run.verdict, run.rows_got) == ("complete", n_points)
    assert curve(run, "loss") == {step: float(step) for step in range(n_points)}


def test_a_server_that_caps_its_pages_loses_nothing() -> None:
    with serve(long_history(2500, page=300)) as stub:
        (run,), _ = read_all(SOURCE, stub.address)

    assert (run.verdict, run.rows_got) == ("complete", 2500)


def test_a_history_that_ends_before_its_last_value_is_partial() -> None:
    with serve(long_history(2500, lose_from=2000)) as stub:
        (run,), _ = read_all(SOURCE, stub.address)

    assert (run.verdict, run.rows_got, run.lost_records) == ("partial", 2000, 1)
    assert run.reason == "the history of loss lacks its last value, at step 2499"


def test_pages_without_end_are_noticed() -> None:
    whole = long_history(10)

    def answer(request: str) -> Answer:
        status, text = whole(request)
        return status, text.replace("]}", '], "next_page_token": "5"}') if "get-history" in request else text

    with serve(answer) as stub:
        (run,), _ = read_all(SOURCE, stub.address)

    assert run.verdict == "partial"
    assert "again and again" in str(run.reason)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(status: int) -> None:
    whole, asked = long_history(10), set()

    def answer(request: str) -> Answer:
        if request in asked:
            return whole(request)
        asked.add(request)
        return status, ""

    with serve(answer) as stub:
        (run,), refusals = read_all(SOURCE, stub.address)

    assert not refusals
    assert (run.verdict, run.rows_got) == ("complete", 10)


def test_a_history_that_cannot_be_had_makes_the_run_partial() -> None:
    whole = long_history(10)
    with serve(lambda request: (500, "") if "get-history" in request else whole(request)) as stub:
        (run,), _ = read_all(SOURCE, stub.address)

    assert (run.verdict, run.rows_got) == ("partial", 0)
    assert "the history of loss is not whole" in str(run.reason)


def test_a_run_that_is_deleted_meanwhile_is_refused() -> None:
    whole = long_history(10)
    gone = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"})
    with serve(lambda request: (404, gone) if "runs/get" in request else whole(request)) as stub:
        runs, refusals = read_all(SOURCE, stub.address)

    assert not runs
    assert "deleted after it had been listed" in refusals[0].reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, ""), "refuses the credentials"),
        ((404, "<html>"), "HTTP 404"),
        ((200, "<html>"), "is no MLflow server"),
        ((200, "[1]"), "is no MLflow server"),
        ((200, '{"experiments": [{}]}'), "have not the form"),
        ((500, ""), "HTTP 500"),
    ],
)
def test_other_servers_are_refused(answer: Answer, reason: str) -> None:
    with serve(lambda _: answer) as stub:
        runs, refusals = read_all(SOURCE, stub.address)

    assert not runs
    assert reason in refusals[0].reason


def test_a_server_out_of_reach_is_refused_without_credentials() -> None:
    with serve(lambda _: (200, "{}")) as stub:
        address = stub.address.replace("http://", "http://me:hidden@")
    runs, refusals = read_all(SOURCE, address)

    assert not runs
    assert "does not answer" in refusals[0].reason
    assert "hidden" not in refusals[0].reason + refusals[0].label


def test_credentials_come_from_the_address_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(long_history(1)) as stub:
        runs, _ = read_all(SOURCE, stub.address.replace("http://", "http://me:p%40ss@"))
        assert set(stub.authorizations) == {"Basic " + base64.b64encode(b"me:p@ss").decode()}
        assert "p@ss" not in repr(runs)
        stub.authorizations.clear()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        read_all(SOURCE, stub.address)
        assert set(stub.authorizations) == {"Bearer secret"}


def test_the_locator_holds_no_credentials() -> None:
    with serve(long_history(1)) as stub:
        address = stub.address.replace("http://", "http://me:hidden@")
        found = list(SOURCE.find(Request(targets=(address,), now=NOW)))

    assert "hidden" not in repr(found)


def test_an_address_from_the_browser_means_its_experiment_or_run() -> None:
    with serve(recorded(_ANSWERS)) as stub:
        runs, _ = read_all(SOURCE, stub.address)
    chosen = next(run for run in runs if run.name == "trial 1")
    experiment = json.dumps({"experiment": {"experiment_id": "1", "name": "lr für lora"}})
    answers = _ANSWERS | {"GET /api/2.0/mlflow/experiments/get?experiment_id=1": f"200 {experiment}"}
    with serve(recorded(answers)) as stub:
        whole, _ = read_all(SOURCE, f"{stub.address}/#/experiments/1?searchFilter=")
        one, _ = read_all(SOURCE, f"{stub.address}/#/experiments/1/runs/{chosen.key[1]}")

    assert len(whole) == 6
    assert [run.marks for run in one] == [chosen.marks]


def test_only_a_changed_run_changes_its_digest() -> None:
    def digests(answers: dict[str, str]) -> dict[str, str]:
        with serve(recorded(answers)) as stub:
            found = SOURCE.find(Request(targets=(stub.address,), now=NOW))
            return {one.locator["run_id"]: one.digest for one in found if isinstance(one, Item)}

    before = digests(_ANSWERS)
    changed = {request: text.replace("3e-05", "4e-05") for request, text in _ANSWERS.items()}
    after = digests(changed)

    assert len(before) == 6
    assert sum(before[run_id] != after[run_id] for run_id in before) == 1
