from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.types import BenchmarkMatrix
from analysis.errors import FilterError, SchemaError
from tests.analysis.benchmarks.tables import Cell, make_evals, make_runs


def _matrix(cells: Sequence[Cell], runs: pd.DataFrame | None = None, **options: object) -> BenchmarkMatrix:
    ids = sorted({str(cell.get("run_id", "r0")) for cell in cells})
    return compute_benchmark_matrix(make_evals(cells), make_runs(ids) if runs is None else runs, **options)  # type: ignore[arg-type]


def _kinds(matrix: BenchmarkMatrix) -> set[str]:
    return {flag.kind for flag in matrix.flags}


def _text(matrix: BenchmarkMatrix, kind: str) -> str:
    return " ".join(flag.text for flag in matrix.flags if flag.kind == kind)


def test_one_score_of_one_run() -> None:
    matrix = _matrix([{"score": 0.5}])
    assert matrix.scores.tolist() == [[0.5]]
    assert matrix.stderr[0, 0] == pytest.approx(math.sqrt(0.25 / 1000))
    assert (matrix.n_runs[0, 0], matrix.n_items[0, 0], matrix.steps[0, 0]) == (1, 1000, 100)
    assert [row.name for row in matrix.rows] == ["r0"]


def test_without_scores_there_are_no_rows_and_no_columns() -> None:
    matrix = compute_benchmark_matrix(make_evals([]), make_runs(["r0"]))
    assert matrix.scores.shape == (0, 0)
    assert matrix.n_unscored_runs == 1


def test_missing_stays_missing_and_other_runs_count_for_nothing() -> None:
    cells: list[Cell] = [{"run_id": "a"}, {"run_id": "b", "benchmark": "boolq"}, {"run_id": "gone", "score": 1.0}]
    matrix = _matrix(cells, make_runs(["a", "b", "unscored"]))
    assert np.isnan(matrix.scores).tolist() == [[False, True], [True, False]]
    assert matrix.n_runs.tolist() == [[1, 0], [0, 1]]
    assert matrix.n_unscored_runs == 1


def test_a_score_that_is_no_number_is_missing_and_said() -> None:
    matrix = _matrix([{"run_id": "a", "score": math.nan}, {"run_id": "b", "score": math.inf}, {"run_id": "c"}])
    assert [row.key for row in matrix.rows] == ["c"]
    assert "2 scores are no finite number" in _text(matrix, "nonfinite")


def test_a_lacking_column_is_named() -> None:
    with pytest.raises(SchemaError, match="items_digest"):
        compute_benchmark_matrix(make_evals([{}]).drop(columns="items_digest"), make_runs(["r0"]))


STEPS: list[Cell] = [{"step": 10, "score": 0.3}, {"step": 20, "score": 0.6}, {"step": 30, "score": 0.5}]


@pytest.mark.parametrize(("step", "score"), [("latest", 0.5), ("best", 0.6), (10, 0.3)])
def test_the_step_that_is_asked_for_counts(step: object, score: float) -> None:
    assert _matrix(STEPS, step=step).scores.tolist() == [[score]]


def test_the_best_of_several_is_called_too_good() -> None:
    assert "best of up to 3 evaluations" in _text(_matrix(STEPS, step="best"), "selection")
    assert "selection" not in _kinds(_matrix(STEPS[:1], step="best"))
    assert "selection" not in _kinds(_matrix(STEPS))


def test_the_best_of_a_lower_is_better_metric_is_the_lowest() -> None:
    cells = [{**cell, "metric": "error", "higher_is_better": False} for cell in STEPS]
    assert _matrix(cells, step="best").scores.tolist() == [[0.3]]


def test_a_step_at_which_nothing_was_measured_is_refused() -> None:
    with pytest.raises(FilterError, match=r"step 15; there are scores at the steps 10, 20, 30"):
        _matrix(STEPS, step=15)


def test_rows_whose_scores_come_from_different_steps_are_flagged() -> None:
    assert "1 of 1 rows" in _text(_matrix([{"step": 10}, {"benchmark": "boolq", "step": 20}]), "step")


def test_two_reports_of_one_step_become_their_mean_and_are_flagged() -> None:
    matrix = _matrix([{"score": 0.4}, {"score": 0.6}])
    assert matrix.scores.tolist() == [[0.5]]
    assert "1 score was reported differently" in _text(matrix, "duplicate")
    assert "duplicate" not in _kinds(_matrix([{"score": 0.4}, {"score": 0.4}]))


def test_the_metric_that_most_runs_have_counts_and_among_equals_the_usual_one() -> None:
    equal: list[Cell] = [{"metric": "acc", "score": 0.4}, {"metric": "acc_norm,none", "score": 0.5}]
    assert _matrix(equal).columns[0].metric == "acc_norm,none"
    more: list[Cell] = [*equal, {"run_id": "r1", "metric": "acc", "score": 0.3}]
    matrix = _matrix(more)
    assert matrix.columns[0].metric == "acc"
    assert "arc is shown by acc (also measured: acc_norm,none)" in _text(matrix, "metric")


def test_a_run_with_only_another_metric_has_a_missing_cell_that_is_counted() -> None:
    cells = [{"run_id": "a", "metric": "acc"}, {"run_id": "b", "metric": "acc"}, {"run_id": "c", "metric": "f1"}]
    matrix = _matrix([*cells, {"run_id": "c", "benchmark": "boolq"}])
    assert math.isnan(matrix.scores[2, 0])
    assert "1 run has only another one" in _text(matrix, "metric")


def test_benchmarks_can_be_chosen_with_their_metric() -> None:
    cells: list[Cell] = [{"metric": "acc"}, {"metric": "acc_norm", "score": 0.7}, {"benchmark": "boolq"}]
    assert [c.metric for c in _matrix(cells, benchmarks=["arc:acc"]).columns] == ["acc"]
    assert [c.benchmark for c in _matrix(cells, benchmarks=["boolq"]).columns] == ["boolq"]
    with pytest.raises(FilterError, match="benchmark 'nope'; there are: arc, boolq"):
        _matrix(cells, benchmarks=["nope"])
    with pytest.raises(FilterError, match="arc has no metric 'f1'; it has: acc_norm, acc"):
        _matrix(cells, benchmarks=["arc:f1"])


@pytest.mark.parametrize(
    ("field", "values", "keys"),
    [
        ("harness_version", ("0.4.2", "0.4.3"), ["arc [0.4.2]", "arc [0.4.3]"]),
        ("harness", ("lm-eval", "helm"), ["arc [helm]", "arc [lm-eval]"]),
        ("n_items", (100, 2000), ["arc [100 items]", "arc [2000 items]"]),
        ("items_digest", ("aaaaaaaaaa", "bbbbbbbbbb"), ["arc [items aaaaaaaa]", "arc [items bbbbbbbb]"]),
        ("chance_level", (0.25, 0.5), ["arc [chance 0.25]", "arc [chance 0.5]"]),
    ],
)
def test_what_was_measured_differently_never_shares_a_column(
    field: str, values: tuple[object, object], keys: list[str]
) -> None:
    matrix = _matrix([{"run_id": "a", field: values[0]}, {"run_id": "b", field: values[1]}])
    assert sorted(column.key for column in matrix.columns) == keys
    assert matrix.missing.sum() == 2
    assert "measured in 2 ways" in _text(matrix, "protocol")


def test_a_score_that_leaves_its_protocol_open_is_marked() -> None:
    cells = [{"run_id": run, "harness_version": "0.4.2"} for run in "ab"] + [{"run_id": "c"}]
    matrix = _matrix(cells)
    assert matrix.unstated.tolist() == [[False], [False], [True]]
    assert "do not say how they were measured" in _text(matrix, "protocol")


def test_an_unknown_number_of_items_is_that_of_the_column() -> None:
    matrix = _matrix([{"run_id": "a"}, {"run_id": "b", "n_items": None}])
    assert matrix.n_items.tolist() == [[1000], [1000]]
    assert matrix.unstated.tolist() == [[False], [True]]


@pytest.mark.parametrize(
    ("metric", "higher"), [("acc", True), ("mc2", True), ("exact_match,strict", True), ("word_perplexity", False)]
)
def test_an_unstated_direction_follows_from_the_name_and_is_flagged(metric: str, higher: bool) -> None:
    matrix = _matrix([{"metric": metric, "higher_is_better": None}])
    assert matrix.columns[0].higher_is_better is higher
    assert "direction" in _kinds(matrix)


@pytest.mark.parametrize(
    ("scores", "metric", "scale"),
    [
        ((0.2, 0.9), "acc", 1.0),
        ((20.0, 90.0), "acc", 100.0),
        ((7.1, 8.3), "mt_bench", None),
        ((9.0, 40.0), "ppl", None),
    ],
)
def test_the_scale_is_that_of_shares_percentages_or_none(
    scores: tuple[float, float], metric: str, scale: float | None
) -> None:
    cells = [
        {"run_id": run, "score": s, "metric": metric, "chance_level": None} for run, s in zip("ab", scores, strict=True)
    ]
    assert _matrix(cells).columns[0].scale == scale


def _trials() -> BenchmarkMatrix:
    scores = {"a0": 0.50, "a1": 0.54, "a2": 0.55, "b0": 0.60}
    runs = make_runs(
        list(scores),
        trial_key=["ka", "ka", "ka", "kb"],
        learning_rate=[1e-4, 1e-4, 1e-4, 2e-4],
        config_json=[json.dumps({"note": "x"})] * 4,
    )
    return _matrix([{"run_id": run, "score": score} for run, score in scores.items()], runs, rows="trial")


def test_a_trial_is_the_mean_over_its_runs_with_their_spread() -> None:
    matrix = _trials()
    assert [row.key for row in matrix.rows] == ["ka", "kb"]
    assert [row.name for row in matrix.rows] == ["lr 1e-4", "lr 2e-4"]
    assert matrix.rows[0].run_ids == ("a0", "a1", "a2")
    assert matrix.scores[0, 0] == pytest.approx(0.53)
    assert matrix.seed_sd[0, 0] == pytest.approx(np.std([0.50, 0.54, 0.55], ddof=1))
    assert math.isnan(matrix.seed_sd[1, 0])
    assert matrix.n_runs.tolist() == [[3], [1]]


def test_what_follows_from_the_rest_names_no_trial() -> None:
    ids = ["a", "b", "c", "d"]
    runs = make_runs(ids, learning_rate=[1e-4, 1e-4, 2e-4, 2e-4], lora_rank=[8, 16, 8, 16], lora_alpha=[16, 32, 16, 32])
    names = [row.name for row in _matrix([{"run_id": run} for run in ids], runs, rows="trial").rows]
    assert names == ["lr 1e-4, rank 8", "lr 1e-4, rank 16", "lr 2e-4, rank 8", "lr 2e-4, rank 16"]


def test_more_seeds_do_not_make_more_items() -> None:
    matrix = _trials()
    shares = np.array([0.50, 0.54, 0.55])
    assert matrix.stderr[0, 0] == pytest.approx(math.sqrt(np.mean(shares * (1 - shares) / 1000)))


def test_run_to_run_noise_is_pooled_over_trials() -> None:
    column = _trials().columns[0]
    assert column.seed_sd == pytest.approx(np.std([0.50, 0.54, 0.55], ddof=1))
    assert column.seed_dof == 2


def test_trials_with_uneven_coverage_are_flagged() -> None:
    runs = make_runs(["a0", "a1"], trial_key=["k", "k"])
    cells = [{"run_id": "a0"}, {"run_id": "a1"}, {"run_id": "a0", "benchmark": "boolq"}]
    assert "1 of 1 trials" in _text(_matrix(cells, runs, rows="trial"), "uneven")


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["a", "b"], ["x (a)", "x (b)"]),
        (["abcdefgh", "12345678"], ["x (abcdef)", "x (123456)"]),
        (["0123456789ab-s0", "0123456789ab-s1"], ["x (0123456789ab-s0)", "x (0123456789ab-s1)"]),
    ],
)
def test_runs_of_one_name_are_told_apart(ids: list[str], names: list[str]) -> None:
    matrix = _matrix([{"run_id": run} for run in ids], make_runs(ids, name=["x", "x"]))
    assert [row.name for row in matrix.rows] == names


def test_rows_are_found_by_key_and_by_unique_name() -> None:
    matrix = _matrix([{"run_id": "a"}, {"run_id": "b"}], make_runs(["a", "b"], name=["x", "y"]))
    assert (matrix.row_index("b"), matrix.row_index("y"), matrix.row_index("z")) == (1, 1, None)


def test_columns_at_chance_are_flagged() -> None:
    cells = [{"run_id": run, "benchmark": "copa", "chance_level": 0.5, "score": 0.5} for run in "ab"]
    cells += [{"run_id": run, "score": 0.6} for run in "ab"]
    matrix = _matrix(cells)
    assert {column.key: column.at_chance for column in matrix.columns} == {"arc": False, "copa": True}
    assert "1 of 2 columns at chance for everybody" in _text(matrix, "chance")
