"""`ucurve compare`, and the options of `ucurve best`."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.store import Store
from tests import synthetic
from tests.runner.cli.calling import Caller
from tests.runner.cli.test_docs import _keys, _section

LOW, HIGH = synthetic.sweep_runs()[0], synthetic.sweep_runs()[-1]


def _json(ucurve: Caller, *arguments: object) -> Any:  # noqa: ANN401 - documents of any shape
    answer = ucurve(*arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_compare_sets_runs_side_by_side(ucurve: Caller, sweep_store: Store) -> None:
    found = _json(ucurve, "compare", LOW.run_id, HIGH.run_id, "--store", sweep_store.location)
    assert not {key for key in _keys(found) if f"`{key}`" not in _section("ucurve compare")} - {
        LOW.run_id,
        HIGH.run_id,
    }
    assert [run["value"] for run in found["runs"]] == pytest.approx([LOW.final_loss, HIGH.final_loss])
    assert found["runs"][1]["difference"] == pytest.approx(HIGH.final_loss - LOW.final_loss)
    assert found["runs"][1]["is_better"] is (HIGH.final_loss < LOW.final_loss)
    differing = {item["key"]: item["values"] for item in found["differing"]}
    assert differing["batch_size"] == {LOW.run_id: LOW.batch_size, HIGH.run_id: HIGH.batch_size}


def test_compare_in_words(ucurve: Caller, sweep_store: Store) -> None:
    text = ucurve("compare", LOW.run_id, HIGH.run_id, "--reference", HIGH.run_id, "--store", sweep_store.location).out
    assert "reference" in text
    assert "learning_rate" in text


@pytest.mark.parametrize(
    ("arguments", "words"), [(["nothing"], "no run 'nothing'"), ([LOW.run_id, "--reference", "x"], "not among those")]
)
def test_compare_explains_what_it_cannot_find(
    ucurve: Caller, sweep_store: Store, arguments: list[str], words: str
) -> None:
    answer = ucurve("compare", *arguments, "--store", sweep_store.location)
    assert answer.code == 2
    assert words in answer.err


def test_best_excludes_by_constraint_and_groups(ucurve: Caller, sweep_store: Store) -> None:
    place = ("--store", sweep_store.location)
    limited = _json(ucurve, "best", *place, "--constraint", "batch_size<=4")
    assert limited["winner"]["batch_size"] == 4
    assert limited["constraints"] == [{"constraint": "batch_size<=4", "n_excluded": 4, "n_unknown": 0}]
    assert limited["n_excluded"] == 4
    by_metric = _json(ucurve, "best", *place, "--constraint", "train_loss<1.6")
    assert by_metric["n_excluded"] > 0
    assert {key for key in _keys(limited) if f"`{key}`" not in _section("ucurve best")} == set()
    grouped = _json(ucurve, "best", *place, "--group-by", "batch_size")
    assert [group["group"] for group in grouped["groups"]] == [{"batch_size": 4}, {"batch_size": 16}]


def test_best_allows_failures_where_it_is_told_to(ucurve: Caller, sweep_store: Store) -> None:
    place = ("--store", sweep_store.location)
    strict, lenient = (_json(ucurve, "best", *place, *more) for more in ([], ["--max-failure-rate", "0.5"]))
    assert sum(score["rank"] is None for score in strict["ranking"]) > sum(
        score["rank"] is None for score in lenient["ranking"]
    )


@pytest.mark.parametrize("text", ["nonsense", "no_such<3", "batch_size<many"])
def test_best_explains_a_constraint_it_cannot_read(ucurve: Caller, sweep_store: Store, text: str) -> None:
    answer = ucurve("best", "--store", sweep_store.location, "--constraint", text)
    assert answer.code == 2
    assert text.split("<")[0] in answer.err
