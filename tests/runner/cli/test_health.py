from __future__ import annotations

from analysis.store import Store
from tests.analysis.health.stores import curve, fill, losses, run_row
from tests.runner.cli.calling import Caller

KEYS = {"metric", "direction", "n_runs", "n_used", "excluded", "findings", "coverage", "groups"}


def test_a_healthy_store_exits_with_zero(ucurve: Caller, store: Store) -> None:
    fill(store, [run_row(number) for number in range(3)])
    answer = ucurve("health", "--store", store.location, "--metric", "loss")
    assert answer.code == 0
    assert "3 of 3 runs" in answer.out
    assert "Nothing is wrong" in answer.out


def test_problems_exit_with_one_and_are_named(ucurve: Caller, store: Store) -> None:
    fill(store, [run_row(0), run_row(1, trial_key="t0"), run_row(2, status="failed")])
    answer = ucurve("health", "--store", store.location, "--metric", "loss")
    assert answer.code == 1
    assert "problem: 1 configuration ran more than once with the same seed" in answer.out
    assert "It failed." in answer.out


def test_remarks_alone_exit_with_zero(ucurve: Caller, store: Store) -> None:
    fill(store, [run_row(number, seed=None, trial_key="t") for number in range(2)])
    answer = ucurve("health", "--store", store.location, "--metric", "loss", "--json")
    assert answer.code == 0
    assert [finding["severity"] for finding in answer.json["findings"]] == ["remark"]  # type: ignore[index]


def test_the_json_form_has_the_documented_keys_and_follows_filters(ucurve: Caller, store: Store) -> None:
    fill(store, [run_row(0), run_row(1, batch_size=16)], [*curve("r0", losses(0))])
    document = ucurve(
        "health", "--store", store.location, "--metric", "loss", "--where", "batch_size=16", "--json"
    ).json
    assert isinstance(document, dict)
    assert set(document) == KEYS
    assert document["excluded"] == [
        {"run_id": "r1", "kind": "never_logged", "reason": "It is finished but never logged loss."}
    ]
    assert (document["n_runs"], document["n_used"]) == (1, 0)


def test_a_missing_store_is_bad_input(ucurve: Caller) -> None:
    assert ucurve("health", "--store", "/nowhere/at/all").code == 2
