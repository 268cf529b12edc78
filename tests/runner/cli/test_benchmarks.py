from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.store import EvalRow, MetricRow, Store
from tests.runner.cli.calling import Caller
from tests.runner.cli.test_docs import _keys, _section

N_RUNS = 8


@pytest.fixture
def scored(tmp_path: Path) -> str:
    """Eight runs of four configurations, two benchmarks, one gap, two evaluations each."""
    store = Store.open(tmp_path / "store", create=True)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    runs, metrics, evals = [], [], []
    for at in range(N_RUNS):
        run, when = f"r{at}", start + timedelta(minutes=at)
        runs.append(
            {
                "run_id": run, "status": "finished", "name": f"run {at}", "trial_key": f"t{at // 2}", "attempt": 1,
                "learning_rate": 1e-4 * (1 + at // 2), "created_at": when, "updated_at": when,
            }
        )  # fmt: skip
        metrics.append(MetricRow(run, 1, 200, None, None, "eval_loss", 2.0 + 0.1 * at))
        for step, lift in ((100, 0.0), (200, 0.02)):
            score = 0.7 - 0.02 * at + lift
            evals.append(EvalRow(run, 1, step, "arc", "acc", score, None, 2000, 0.25, True, "lm-eval", "0.4.2", "d1"))
            if at != 3:
                evals.append(EvalRow(run, 1, step, "copa", "acc", 0.5, None, 100, 0.5, True))
    store.append(runs=runs, metrics=metrics, evals=evals)
    return store.location


def _json(ucurve: Caller, store: str, *options: object) -> dict[str, Any]:
    answer = ucurve("benchmarks", "--store", store, *options, "--json")
    assert answer.code == 0
    assert isinstance(answer.json, dict)
    return answer.json


def test_the_matrix_and_everything_about_it_come_as_json(ucurve: Caller, scored: str) -> None:
    found = _json(ucurve, scored)
    assert [row["key"] for row in found["rows"]] == [f"r{at}" for at in range(N_RUNS)]
    assert [column["key"] for column in found["columns"]] == ["arc", "copa"]
    assert found["scores"][0] == [pytest.approx(0.72), 0.5]
    assert found["scores"][3][1] is None
    assert found["n_missing"]["total"] == 1
    assert found["n_missing"]["by_row"][3] == 1
    assert found["columns"][1]["at_chance"] is True
    assert found["aggregate"]["mean"]["winners"] == ["r0"]
    assert found["correlation"]["metric"] == "eval_loss"
    assert found["correlation"]["columns"][0]["tau"] == 1.0
    assert found["baseline"] is None
    assert {flag["kind"] for flag in found["flags"]} >= {"chance"}


def test_every_key_is_documented(ucurve: Caller, scored: str) -> None:
    """One configuration more, with the worst loss and the best scores: it disagrees, and it would be chosen."""
    runs = [
        {"run_id": run, "status": "finished", "name": run, "trial_key": "t9", "attempt": 1, "learning_rate": 9e-4}
        for run in ("a", "b")
    ]
    Store.open(scored).append(
        runs=runs,
        metrics=[MetricRow(run, 1, 200, None, None, "eval_loss", 2.9) for run in ("a", "b")],
        evals=[
            EvalRow(run, 1, 200, "arc", "acc", 0.95, None, 2000, 0.25, True, "lm-eval", "0.4.2", "d1") for run in "ab"
        ],
    )
    found = _json(ucurve, scored, "--baseline", "run 0")
    assert found["correlation"]["columns"][0]["disagreements"]
    assert any(pick["score_gap"] for pick in found["choice"]["groups"][0]["picks"])
    document = {**found, "rows": [{**row, "config": {}} for row in found["rows"]]}
    missing = {key for key in _keys(document) if f"`{key}`" not in _section("ucurve benchmarks")}
    assert not missing


def test_rows_steps_scales_and_benchmarks_can_be_chosen(ucurve: Caller, scored: str) -> None:
    found = _json(
        ucurve, scored, "--by", "trial", "--step", "100", "--normalise", "chance", "--benchmark", "arc:acc"
    )  # fmt: skip
    assert [row["key"] for row in found["rows"]] == ["t0", "t1", "t2", "t3"]
    assert found["scores"][0] == [pytest.approx((0.69 - 0.25) / 0.75)]
    assert found["reported_scores"][0] == [pytest.approx(0.69)]
    assert found["n_runs"] == [[2]] * 4
    assert found["columns"][0]["seed_sd"] == pytest.approx(0.02 / 2**0.5)
    assert (found["by"], found["step"], found["normalise"]) == ("trial", 100, "chance")


def test_differences_to_a_baseline_have_intervals_and_marks(ucurve: Caller, scored: str) -> None:
    baseline = _json(ucurve, scored, "--baseline", "run 0")["baseline"]
    assert (baseline["row"], baseline["name"]) == ("r0", "run 0")
    assert baseline["difference"][7][0] == pytest.approx(-0.14)
    assert baseline["low"][7][0] < -0.14 < baseline["high"][7][0]
    assert baseline["different"][7] == [True, False]
    assert baseline["different"][0] == [None, None]


def test_people_get_a_table_with_errors_best_first_and_sentences(ucurve: Caller, scored: str) -> None:
    lines = ucurve("benchmarks", "--store", scored).out.splitlines()
    assert lines[0] == "Benchmarks: scores as reported, ± item error"
    assert lines[1].split()[:5] == ["run", "mean", "rank", "win", "rate"]
    assert lines[2].startswith("run 0")
    assert "0.720 ± 0.010" in lines[2]
    text = "\n".join(lines)
    assert "1 of 16 cells are missing" in text
    assert "copa (at chance)" in text
    assert "Does eval_loss predict the score?" in text


def test_a_store_without_scores_says_so(ucurve: Caller, store: Store) -> None:
    answer = ucurve("benchmarks", "--store", store.location)
    assert answer.code == 0
    assert "No run in view has a benchmark score" in answer.out
    assert _json(ucurve, store.location)["scores"] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--baseline", "gone"), "no single row called 'gone'"),
        (("--benchmark", "gone"), "No run has a score on the benchmark 'gone'; there are: arc, copa."),
        (("--step", "7"), "Nothing was measured at step 7; there are scores at the steps 100, 200."),
        (("--step", "first"), "--step is latest, best or the number of a step, not 'first'."),
        (("--loss", "gone"), "No run has logged the metric 'gone'; --loss can be: eval_loss."),
        (("--within", "gone"), "no configuration key 'gone'"),
    ],
)
def test_bad_input_is_one_sentence(ucurve: Caller, scored: str, options: tuple[str, ...], sentence: str) -> None:
    answer = ucurve("benchmarks", "--store", scored, *options)
    assert answer.code == 2
    assert sentence in answer.err
    assert answer.err.count("\n") == 1
