from __future__ import annotations

from itertools import combinations

import choix
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.benchmarks.aggregates import Aggregate, aggregate_scores
from analysis.benchmarks.bradley_terry import count_wins, fit_strengths, is_connected
from analysis.benchmarks.complete import find_complete_block
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.types import BenchmarkMatrix
from analysis.benchmarks.verdicts import aggregate_verdict, coverage_text
from tests.analysis.benchmarks.tables import evals_of, runs_of

# Nobody is anywhere near chance, so that every column counts.
SCORES = np.array([[0.80, 0.55, 0.60, 0.90], [0.70, 0.60, 0.65, 0.85], [0.60, 0.50, 0.62, 0.80]])


def _matrix(scores: np.ndarray, **common: object) -> BenchmarkMatrix:
    return compute_benchmark_matrix(evals_of(scores, **common), runs_of(scores))


def _aggregates(scores: np.ndarray, **common: object) -> dict[str, Aggregate]:
    return {aggregate.method: aggregate for aggregate in aggregate_scores(_matrix(scores, **common))}


def test_the_mean_is_that_of_scores_normalised_for_chance_with_its_error() -> None:
    found = _aggregates(SCORES)["mean"]
    np.testing.assert_allclose(found.values, ((SCORES - 0.25) / 0.75).mean(axis=1))
    errors = np.sqrt(SCORES * (1 - SCORES) / 1000) / 0.75
    expected = np.sqrt((errors**2).sum(axis=1)) / 4
    np.testing.assert_allclose(found.high - found.values, stats.norm.ppf(0.975) * expected)


def test_mean_ranks_are_those_of_scipy_and_win_rates_follow() -> None:
    found = _aggregates(SCORES)
    ranks = stats.rankdata(-SCORES, axis=0).mean(axis=1)
    np.testing.assert_allclose(found["mean_rank"].values, ranks)
    by_hand = [
        np.mean([(SCORES[one] > SCORES[other]).mean() for other in range(3) if other != one]) for one in range(3)
    ]
    np.testing.assert_allclose(found["win_rate"].values, by_hand)


def test_ties_are_half_a_win() -> None:
    found = _aggregates(np.array([[0.6, 0.7], [0.6, 0.6]]))
    assert found["win_rate"].values.tolist() == [0.75, 0.25]
    assert found["mean_rank"].values.tolist() == [1.25, 1.75]


def test_few_benchmarks_have_no_rank_interval_and_eight_have_one() -> None:
    generator = np.random.default_rng(0)
    few, enough = (_aggregates(generator.uniform(0.5, 0.9, (4, n)))["mean_rank"] for n in (7, 8))
    assert np.isnan(few.low).all()
    assert "7 benchmarks are too few" in few.interval_method
    assert (enough.low <= enough.values).all()
    assert (enough.values <= enough.high).all()


def _choix(scores: np.ndarray, ridge: float) -> np.ndarray:
    """Every comparison counts twice, so that a tie is one win each; the ridge doubles with the data."""
    games = []
    for column in scores.T:
        for one, other in combinations(range(len(column)), 2):
            if np.isnan(column[one]) or np.isnan(column[other]):
                continue
            wins = (2, 0) if column[one] > column[other] else (0, 2) if column[one] < column[other] else (1, 1)
            games += [(one, other)] * wins[0] + [(other, one)] * wins[1]
    strengths = choix.opt_pairwise(len(scores), games, alpha=2 * ridge, tol=1e-12)
    return np.asarray(strengths - strengths.mean())


@pytest.mark.parametrize("seed", range(5))
def test_bradley_terry_is_that_of_choix_with_gaps_and_ties(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.uniform(0.4, 0.9, (6, 9)), 1)
    scores[generator.random(scores.shape) < 0.25] = np.nan
    np.testing.assert_allclose(fit_strengths(count_wins(scores), ridge=0.1), _choix(scores, 0.1), atol=1e-5)


def test_a_row_that_always_wins_has_a_finite_strength() -> None:
    strengths = fit_strengths(count_wins(np.array([[0.9] * 30, [0.5] * 30, [0.1] * 30])))
    assert np.isfinite(strengths).all()
    assert strengths[0] > strengths[1] > strengths[2]


def test_rows_that_share_no_benchmark_have_no_strength() -> None:
    scores = np.array([[0.8, np.nan], [0.7, np.nan], [np.nan, 0.6], [np.nan, 0.5]])
    assert not is_connected(count_wins(scores))
    found = _aggregates(scores)["bradley_terry"]
    assert np.isnan(found.values).all()
    assert "share no benchmark" in found.interval_method


def test_bradley_terry_uses_rows_with_gaps_and_the_others_leave_them_out() -> None:
    scores = SCORES.copy()
    scores[2, 3] = np.nan
    found = _aggregates(np.vstack([scores, SCORES + 0.01, SCORES - 0.01]))
    assert np.isfinite(found["bradley_terry"].values).all()
    assert found["mean"].left_out == found["mean_rank"].left_out == ("r002",)
    assert np.isnan(found["mean"].values).tolist() == [False, False, True] + [False] * 6


def test_columns_at_chance_are_in_no_aggregate() -> None:
    noise = np.full((3, 1), 0.25)
    assert all(agg.columns == ("b00", "b01", "b02", "b03") for agg in _aggregates(np.hstack([SCORES, noise])).values())


def test_one_row_and_no_rows_have_no_ranks() -> None:
    found = _aggregates(SCORES[:1])
    assert found["mean"].winners == ("r000",)
    assert not found["win_rate"].winners
    assert not found["bradley_terry"].winners
    assert all(not aggregate.winners for aggregate in _aggregates(np.full((0, 0), np.nan)).values())


def test_only_gaps_in_common_leave_no_mean() -> None:
    block = find_complete_block(np.array([[True, True]]), ["a"], ["x", "y"])
    assert (block.rows.size, block.columns.size) == (0, 0)


@given(
    st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=7)
    )
)
def test_the_complete_block_has_no_gap_and_does_not_depend_on_the_order(gaps: list[list[bool]]) -> None:
    missing = np.array(gaps)
    rows = [f"r{at}" for at in range(missing.shape[0])]
    columns = [f"c{at}" for at in range(missing.shape[1])]
    block = find_complete_block(missing, rows, columns)
    assert not missing[np.ix_(block.rows, block.columns)].any()
    mirrored = find_complete_block(missing[::-1, ::-1], rows[::-1], columns[::-1])
    assert {rows[at] for at in block.rows} == {rows[::-1][at] for at in mirrored.rows}
    assert {columns[at] for at in block.columns} == {columns[::-1][at] for at in mirrored.columns}


def test_a_full_matrix_is_its_own_block_and_one_empty_column_leaves() -> None:
    missing = np.zeros((5, 4), dtype=bool)
    assert find_complete_block(missing, list("abcde"), list("wxyz")).columns.tolist() == [0, 1, 2, 3]
    missing[1:, 2] = True
    block = find_complete_block(missing, list("abcde"), list("wxyz"))
    assert block.rows.tolist() == [0, 1, 2, 3, 4]
    assert block.columns.tolist() == [0, 1, 3]


def _verdict(scores: np.ndarray) -> str:
    matrix = _matrix(scores)
    return " ".join(aggregate_verdict(matrix, aggregate_scores(matrix)))


def test_agreement_and_disagreement_are_said() -> None:
    assert "All aggregates name the same best row (mean, mean rank, win rate and Bradley-Terry: r000)" in _verdict(
        np.array([[0.8, 0.9, 0.9], [0.7, 0.6, 0.8]])
    )
    # The first wins one benchmark by far, the second the two others by little.
    text = _verdict(np.array([[0.95, 0.60, 0.60], [0.50, 0.62, 0.62]]))
    assert "name different best rows. Mean: r000; mean rank, win rate and Bradley-Terry: r001." in text


def test_the_lead_of_the_best_mean_is_weighed_against_its_error() -> None:
    assert "no more than its error explains" in _verdict(np.array([[0.80, 0.60], [0.79, 0.60]]))
    assert "more than its error explains" in _verdict(np.array([[0.80, 0.80], [0.60, 0.60]]))


def test_equal_rows_are_all_named() -> None:
    assert "r000 = r001" in _verdict(np.array([[0.8, 0.7], [0.8, 0.7]]))


def test_coverage_counts_what_is_missing_and_left_out() -> None:
    scores = np.vstack([SCORES, SCORES + 0.01])
    scores[0, 0] = np.nan
    matrix = _matrix(scores)
    text = coverage_text(matrix, aggregate_scores(matrix))
    assert "1 of 24 cells are missing. Mean, mean rank and win rate rest on 5 of 6 rows and 4 of 4 columns" in text


def test_the_interval_of_the_mean_covers_the_truth() -> None:
    generator = np.random.default_rng(3)
    truth = np.array([0.5, 0.6, 0.7, 0.8])
    scores = generator.binomial(400, truth, (200, 4)) / 400
    found = _aggregates(scores, n_items=400)["mean"]
    expected = ((truth - 0.25) / 0.75).mean()
    assert 0.91 <= np.mean((found.low <= expected) & (found.high >= expected)) <= 0.99
