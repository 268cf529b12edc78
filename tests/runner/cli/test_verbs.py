"""What the verbs answer about a sweep whose truth is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analysis.store import MetricRow, Store
from analysis.store.schema import RUNS
from tests import synthetic
from tests.runner.cli.calling import Caller

N_RUNS = len(synthetic.sweep_runs()) + len(synthetic.other_runs())


def _json(ucurve: Caller, *arguments: object) -> Any:  # noqa: ANN401 - documents of any shape
    answer = ucurve(*arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_lists_every_run_with_every_column(ucurve: Caller, sweep_store: Store) -> None:
    runs = _json(ucurve, "runs", "--store", sweep_store.location)
    assert len(runs) == N_RUNS
    columns = {column.name for column in RUNS} - {"config_json", "provenance_json"}
    assert columns | {"value", "value_step", "config", "provenance"} <= set(runs[0])
    finished = next(run for run in runs if run["status"] == "finished")
    assert finished["config"]["learning_rate"] == finished["learning_rate"]
    assert finished["target_modules"] == ["q_proj", "v_proj"]
    assert finished["created_at"].startswith("2026-01-02T")


def test_runs_filters_and_limits(ucurve: Caller, sweep_store: Store) -> None:
    where = ("--where", "batch_size=16", "--where", "status=finished")
    runs = _json(ucurve, "runs", "--store", sweep_store.location, *where)
    assert {(run["batch_size"], run["status"]) for run in runs} == {(16, "finished")}
    assert _json(ucurve, "runs", "--store", sweep_store.location, *where, "--limit", 2) == runs[-2:]
    limited = ucurve("runs", "--store", sweep_store.location, "--limit", 2)
    assert "older runs not shown" in limited.err


def test_runs_are_listed_where_none_logged_the_default_metric(ucurve: Caller, store: Store) -> None:
    store.append(runs=[{"run_id": "r", "status": "finished"}], metrics=[MetricRow("r", 1, 0, 1, 1.0, "accuracy", 0.5)])
    assert [run["value"] for run in _json(ucurve, "runs", "--store", store.location)] == [None]
    asked = ucurve("runs", "--store", store.location, "--metric", "eval_loss")
    assert (asked.code, "accuracy" in asked.err) == (2, True)


def test_a_run_that_diverged_has_no_value_in_json(ucurve: Caller, sweep_store: Store) -> None:
    runs = _json(ucurve, "runs", "--store", sweep_store.location, "--where", "status=diverged")
    assert [run["value"] for run in runs] == [None]


def test_the_table_is_plain_where_no_terminal_is(ucurve: Caller, sweep_store: Store) -> None:
    answer = ucurve("runs", "--store", sweep_store.location)
    lines = answer.out.splitlines()
    assert lines[0].split() == ["run_id", "source", "sweep", "status", "lr", "batch", "rank", "seed", "eval_loss"]
    assert len(lines) == 1 + N_RUNS
    assert "\x1b" not in answer.out
    assert answer.out.isprintable() is False  # only for the line ends
    assert answer.out.replace("\n", "").isprintable()


# --- lr-curve ---------------------------------------------------------------------------------------------------------


def test_lr_curve_finds_the_truth_of_each_batch_size(ucurve: Caller, sweep_store: Store) -> None:
    curves = _json(ucurve, "lr-curve", "--store", sweep_store.location)["curves"]
    assert [curve["group"] for curve in curves] == [{"batch_size": 4}, {"batch_size": 16}]
    for curve in curves:
        assert curve["argmin_lr"] == synthetic.OPTIMUM[curve["group"]["batch_size"]]
        assert curve["edge"] == "none"
        assert curve["shape"] == "u"
        assert curve["recommended_lr"] == pytest.approx(5e-4 * (2000 / 576) ** 0.781)
        assert curve["recommendation"]["calibrated"] is False
    diverged = curves[0]["points"][-1]
    assert (diverged["n"], diverged["n_diverged"]) == (1, 1)
    low, high = curves[1]["interval"]
    assert low < synthetic.OPTIMUM[16] < high


def test_lr_curve_groups_as_asked_and_says_what_that_mixes(ucurve: Caller, sweep_store: Store) -> None:
    (curve,) = _json(ucurve, "lr-curve", "--store", sweep_store.location, "--group-by", "lora_rank, model")["curves"]
    assert curve["group"] == {"lora_rank": 8, "model": "smollm2-135m"}
    assert "batch_size (4, 16)" in " ".join(curve["warnings"])
    answer = ucurve("lr-curve", "--store", sweep_store.location, "--group-by", "rank")
    assert answer.code == 2
    assert "no configuration key 'rank'" in answer.err


def test_lr_curve_in_words(ucurve: Caller, sweep_store: Store) -> None:
    text = ucurve("lr-curve", "--store", sweep_store.location, "--where", "batch_size=16").out
    assert "best tried" in text
    assert "optimum 1.6e-3" in text or "optimum 2e-3" in text
    assert "95 % interval" in text
    assert "recommended 1.32e-3, regret" in text


def test_nothing_that_matches_is_said(ucurve: Caller, sweep_store: Store) -> None:
    none = ("--store", sweep_store.location, "--where", "batch_size=5")
    assert ucurve("lr-curve", *none).out == "No finished, diverged or running runs match.\n"
    assert _json(ucurve, "lr-curve", *none) == {"curves": []}
    assert "no finished run" in ucurve("best", *none).out
    assert _json(ucurve, "runs", *none) == []


# --- best -------------------------------------------------------------------------------------------------------------


def test_best_names_the_winner_and_how_sure(ucurve: Caller, sweep_store: Store) -> None:
    best = _json(ucurve, "best", "--store", sweep_store.location)
    winner = best["winner"]
    assert synthetic.OPTIMUM[winner["batch_size"]] == winner["learning_rate"]
    assert best["p_best"] == pytest.approx(0.5, abs=0.1)  # the other batch size's optimum is as good
    assert len(best["indistinguishable"]) == 2
    assert best["ranking"][0] == winner
    assert best["comparable"] is True


def test_best_of_a_score_is_the_highest(ucurve: Caller, sweep_store: Store) -> None:
    low = _json(ucurve, "best", "--store", sweep_store.location)["winner"]
    high = _json(ucurve, "best", "--store", sweep_store.location, "--direction", "max")["winner"]
    assert high["mean"] > low["mean"]
    assert ucurve("best", "--store", sweep_store.location, "--direction", "up").code == 2


def test_best_refuses_to_rank_what_cannot_be_compared(ucurve: Caller, store: Store) -> None:
    for index, eval_set in enumerate(["one", "two"]):
        store.append(
            runs=[
                {
                    "run_id": f"r{index}", "status": "finished", "learning_rate": 1e-4, "eval_set_id": eval_set,
                    "trial_key": "t", "config_json": json.dumps({"learning_rate": 1e-4}),
                }
            ],
            metrics=[MetricRow(f"r{index}", 1, 0, 1, 0.1, "eval_loss", 2.0)],
        )  # fmt: skip
    best = _json(ucurve, "best", "--store", store.location)
    assert (best["winner"], best["comparable"], len(best["groups"])) == (None, False, 2)
    text = ucurve("best", "--store", store.location).out
    assert "cannot be compared" in text
    assert "eval_set_id one" in text


def test_best_in_words(ucurve: Caller, sweep_store: Store) -> None:
    text = ucurve("best", "--store", sweep_store.location).out
    assert "winner" in text
    assert "like winner" in text
    assert "The winner has the lowest mean eval_loss" in text


# --- recommend-lr -----------------------------------------------------------------------------------------------------


def test_recommend_lr_as_json(ucurve: Caller) -> None:
    answer = _json(ucurve, "recommend-lr", "Qwen/Qwen3-8B", "--full")
    assert (answer["hidden_size"], answer["family"], answer["calibrated"]) == (4096, "qwen", True)
    assert answer["learning_rate"] == pytest.approx(5e-5 * (2000 / 4096) ** 0.0775)


def test_recommend_lr_of_an_architecture_without_a_rule(ucurve: Caller) -> None:
    answer = ucurve("recommend-lr", "google/gemma-2-9b")
    assert (answer.code, answer.out) == (0, "none\n")
    assert "nearest rule: 5e-5 * 10 * (2000 / 3584) ** 0.781" in answer.err
    assert _json(ucurve, "recommend-lr", "google/gemma-2-9b")["learning_rate"] is None


def test_recommend_lr_of_an_unknown_model_asks_for_its_width(ucurve: Caller) -> None:
    answer = ucurve("recommend-lr", "our/model")
    assert (answer.code, answer.out) == (2, "")
    assert "--hidden-size" in answer.err
    known = ucurve("recommend-lr", "our/model", "--hidden-size", 2000, "--model-type", "llama")
    assert known.code == 0
    assert float(known.out) == pytest.approx(5e-4)
    assert "starting point" in known.err


# --- store ------------------------------------------------------------------------------------------------------------


def test_store_info(ucurve: Caller, sweep_store: Store) -> None:
    info = _json(ucurve, "store", "info", "--store", sweep_store.location)
    assert info["n_runs"] == N_RUNS
    text = ucurve("store", "info", "--store", sweep_store.location).out
    assert f"n_runs {info['n_runs']}" in " ".join(text.split())


def test_store_compact(ucurve: Caller, store: Store) -> None:
    for index in range(3):
        store.append(metrics=[MetricRow("r", 1, index, 1, 0.1, "eval_loss", 2.0)])
    result = _json(ucurve, "store", "compact", "--store", store.location)
    assert result["n_files"] == 1
    assert ucurve("store", "compact", "--store", store.location).out == "0 files merged, 1 left.\n"


def test_store_check_finds_problems_and_ends_with_1(ucurve: Caller, store: Store) -> None:
    assert _json(ucurve, "store", "check", "--store", store.location) == {"n_problems": 0, "problems": []}
    store.append(metrics=[MetricRow("ghost", 1, 0, 1, 0.1, "eval_loss", 2.0)])
    answer = ucurve("store", "check", "--store", store.location, "--json")
    assert answer.code == 1
    document = answer.json
    assert isinstance(document, dict)
    assert [problem["where"] for problem in document["problems"]] == ["ghost"]
    assert "ghost" in ucurve("store", "check", "--store", store.location).out


@pytest.mark.parametrize("verb", [["runs"], ["lr-curve"], ["best"], ["store", "info"]])
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_an_empty_store_is_fine(ucurve: Caller, store: Store, verb: list[str], json_option: list[str]) -> None:
    answer = ucurve(*verb, "--store", store.location, *json_option)
    assert answer.code == 0
    if json_option:
        assert answer.json is not None
