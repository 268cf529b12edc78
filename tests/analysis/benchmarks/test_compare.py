from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.benchmarks.compare import BaselineComparison, compare_to_baseline
from analysis.benchmarks.errors import share_errors
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.normalise import scale_scores
from analysis.benchmarks.types import By, Normalisation
from analysis.errors import FilterError
from tests.analysis.benchmarks.tables import evals_of, runs_of


def _compare(scores: np.ndarray, normalise: Normalisation | None = None, **common: object) -> BaselineComparison:
    matrix = compute_benchmark_matrix(evals_of(scores, **common), runs_of(scores))
    return compare_to_baseline(matrix, scale_scores(matrix, normalise), "r000")


def test_scores_from_chance_are_those_of_the_formula() -> None:
    scores = np.array([[0.25, 0.625], [1.0, 0.1]])
    matrix = compute_benchmark_matrix(evals_of(scores), runs_of(scores))
    scaled = scale_scores(matrix, "chance")
    np.testing.assert_allclose(scaled.values, [[0.0, 0.5], [1.0, -0.2]])
    np.testing.assert_allclose(scaled.errors, matrix.stderr / 0.75)


def test_z_is_that_of_scipy_and_leaves_constant_columns_out() -> None:
    scores = np.array([[0.3, 0.5, 0.5], [0.4, np.nan, 0.5], [0.8, 0.9, 0.5]])
    matrix = compute_benchmark_matrix(evals_of(scores), runs_of(scores))
    values = scale_scores(matrix, "z").values
    np.testing.assert_allclose(values[:, :2], stats.zscore(scores[:, :2], nan_policy="omit"))
    assert np.isnan(values[:, 2]).all()


def test_errors_are_turned_so_that_higher_is_better() -> None:
    scores = np.array([[0.75], [0.0], [0.3]])
    evals = evals_of(scores, metric="error", higher_is_better=False, chance_level=0.75)
    matrix = compute_benchmark_matrix(evals, runs_of(scores))
    np.testing.assert_allclose(scale_scores(matrix, "chance").values, [[0.0], [1.0], [0.6]])
    assert scale_scores(matrix, "z").values[1, 0] > 0
    assert scale_scores(matrix, None).values.tolist() == scores.tolist()


def test_percentages_without_a_chance_level_start_at_nothing_right() -> None:
    scores = np.array([[20.0], [80.0]])
    matrix = compute_benchmark_matrix(evals_of(scores, chance_level=None), runs_of(scores))
    np.testing.assert_allclose(scale_scores(matrix, "chance").values, [[0.2], [0.8]])


def test_what_has_no_perfect_score_is_not_normalised() -> None:
    scores = np.array([[12.0], [9.0]])
    evals = evals_of(scores, metric="perplexity", higher_is_better=False, chance_level=None)
    matrix = compute_benchmark_matrix(evals, runs_of(scores))
    assert np.isnan(scale_scores(matrix, "chance").values).all()
    assert any(flag.kind == "unbounded" for flag in matrix.flags)


def test_a_difference_is_the_two_sample_z_test() -> None:
    found = _compare(np.array([[0.50], [0.56]]))
    error = math.sqrt(0.5 * 0.5 / 1000 + 0.56 * 0.44 / 1000)
    assert found.differences[1, 0] == pytest.approx(0.06)
    assert found.errors[1, 0] == pytest.approx(error)
    assert found.z[1, 0] == pytest.approx(0.06 / error)
    assert found.p_values[1, 0] == pytest.approx(2 * stats.norm.sf(0.06 / error))
    assert found.low[1, 0] == pytest.approx(0.06 - stats.norm.ppf(0.975) * error)


def test_the_mark_is_corrected_for_the_number_of_cells() -> None:
    pair = np.array([[0.50], [0.55]])
    assert _compare(pair).is_different[1, 0]
    many = np.vstack([pair, np.full((40, 1), 0.50)])
    assert not _compare(many).is_different[1, 0]


def test_the_baseline_is_not_compared_with_itself() -> None:
    found = _compare(np.array([[0.5], [0.6]]))
    assert math.isnan(found.p_values[0, 0])
    assert not found.is_different[0, 0]


@pytest.mark.parametrize("normalise", [None, "chance", "z"])
def test_positive_is_better_on_every_scale(normalise: Normalisation | None) -> None:
    found = _compare(np.array([[0.3], [0.2]]), normalise, metric="error", higher_is_better=False, chance_level=0.5)
    assert found.differences[1, 0] > 0


def test_tests_do_not_depend_on_the_scale() -> None:
    scores = np.random.default_rng(0).uniform(0.3, 0.9, (4, 3))
    plain, chance, z = (_compare(scores, scale) for scale in (None, "chance", "z"))
    np.testing.assert_allclose(plain.p_values, chance.p_values)
    np.testing.assert_allclose(plain.p_values, z.p_values)


def test_missing_cells_and_unknown_errors_have_no_test() -> None:
    found = _compare(np.array([[0.5, np.nan], [0.6, 0.7], [np.nan, 0.7]]))
    assert np.isnan(found.differences).tolist() == [[False, True], [False, True], [True, True]]
    unknown = _compare(np.array([[0.5], [0.6]]), n_items=None)
    assert unknown.differences[1, 0] == pytest.approx(0.1)
    assert math.isnan(unknown.p_values[1, 0])


def test_an_unknown_baseline_is_refused_with_the_names() -> None:
    scores = np.array([[0.5], [0.6]])
    matrix = compute_benchmark_matrix(evals_of(scores), runs_of(scores))
    with pytest.raises(FilterError, match="'nope' to compare with; there are: r000, r001"):
        compare_to_baseline(matrix, scale_scores(matrix, None), "nope")


def test_notes_say_whether_items_and_seeds_are_known() -> None:
    assert "not recorded" in _compare(np.array([[0.5], [0.6]])).notes[0]
    assert "errors are unpaired" in _compare(np.array([[0.5], [0.6]]), items_digest="d1").notes[0]
    assert "run-to-run noise is unknown" in _compare(np.array([[0.5], [0.6]])).notes[1]


def _seeded_tables(by: By) -> BaselineComparison:
    """200 benchmarks on which two trials of four seeds truly differ by 0.02; eight more say how large the noise is."""
    n_trials, n_seeds, n_items = 10, 4, 2000
    generator = np.random.default_rng(1)
    truth = np.array([0.5, 0.52, *np.full(n_trials - 2, 0.5)]).repeat(n_seeds)
    shares = truth[:, None] + generator.normal(0, 0.02, (n_trials * n_seeds, 200))
    scores = generator.binomial(n_items, shares) / n_items
    runs = runs_of(scores, trial_key=[f"t{row // n_seeds}" for row in range(len(scores))])
    matrix = compute_benchmark_matrix(evals_of(scores, n_items=n_items), runs, rows=by)
    return compare_to_baseline(matrix, scale_scores(matrix, None), matrix.rows[0].key)


def test_intervals_of_differences_cover_the_truth_with_item_noise() -> None:
    scores = np.random.default_rng(0).binomial(500, np.full((2, 200), [[0.60], [0.65]])) / 500
    found = _compare(scores, n_items=500)
    assert 0.91 <= np.mean((found.low[1] <= 0.05) & (found.high[1] >= 0.05)) <= 0.99


@pytest.mark.parametrize("by", ["run", "trial"])
def test_intervals_of_differences_cover_the_truth_with_seed_noise_too(by: By) -> None:
    found = _seeded_tables(by)
    row = 1 if by == "trial" else 4
    # Item noise is in the spread between seeds already, so that adding it errs on the wide side.
    assert 0.93 <= np.mean((found.low[row] <= 0.02) & (found.high[row] >= 0.02)) <= 1.0


def test_without_a_difference_hardly_any_table_has_a_mark() -> None:
    generator = np.random.default_rng(2)
    first = generator.binomial(500, 0.6, (5, 6)) / 500
    matrix = compute_benchmark_matrix(evals_of(first, n_items=500), runs_of(first))
    marks = []
    for _ in range(200):
        scores = generator.binomial(500, 0.6, (5, 6)) / 500
        drawn = replace(matrix, scores=scores, stderr=share_errors(scores, np.full((5, 6), 500.0)))
        marks.append(compare_to_baseline(drawn, scale_scores(drawn, None), "r000").is_different.any())
    assert np.mean(marks) <= 0.08
