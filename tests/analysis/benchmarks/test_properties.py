from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.benchmarks.aggregates import aggregate_scores
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.report import BenchmarkReport, report_benchmarks, sort_rows
from analysis.benchmarks.types import BenchmarkMatrix
from tests.analysis.benchmarks.tables import evals_of, runs_of

# Every example builds tables with pandas; a few dozen find what hundreds would.
few = settings(max_examples=25)
TABLES = arrays.arrays(
    float, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=st.integers(30, 95).map(lambda share: share / 100)
)
GAPS = st.integers(0, 2**30)


def _with_gaps(scores: np.ndarray, code: int) -> np.ndarray:
    """The scores with some missing; every row keeps its first."""
    gaps = np.array([(code >> at) & 1 for at in range(scores.size)], dtype=bool).reshape(scores.shape)
    gaps[:, 0] = False
    return np.where(gaps, np.nan, scores)


def _matrix(scores: np.ndarray, **common: object) -> BenchmarkMatrix:
    return compute_benchmark_matrix(evals_of(scores, **common), runs_of(scores))


def _report(scores: np.ndarray, seed: int | None = None) -> BenchmarkReport:
    evals, runs = evals_of(scores), runs_of(scores, value=np.linspace(2, 3, len(scores)))
    if seed is not None:
        evals, runs = evals.sample(frac=1, random_state=seed), runs.sample(frac=1, random_state=seed)
    return report_benchmarks(evals, runs, metric="eval_loss", baseline="r000")


@few
@given(TABLES, GAPS, st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(scores: np.ndarray, code: int, seed: int) -> None:
    scores = _with_gaps(scores, code)
    one, other = _report(scores), _report(scores, seed)
    place = {row.key: at for at, row in enumerate(other.matrix.rows)}
    order = [place[row.key] for row in one.matrix.rows]
    np.testing.assert_array_equal(one.matrix.scores, other.matrix.scores[order])
    np.testing.assert_array_equal(one.matrix.stderr, other.matrix.stderr[order])
    for mine, theirs in zip(one.aggregates, other.aggregates, strict=True):
        np.testing.assert_allclose(mine.values, theirs.values[order], atol=1e-8)
        assert set(mine.winners) == set(theirs.winners)
    assert one.baseline is not None
    assert other.baseline is not None
    np.testing.assert_allclose(one.baseline.p_values, other.baseline.p_values[order])
    assert one.correlation is not None
    assert other.correlation is not None
    assert one.correlation.columns == other.correlation.columns


@few
@given(TABLES, st.lists(st.sampled_from([0.5, 0.25, 1.0]), min_size=5, max_size=5))
def test_rank_methods_do_not_see_the_scale_of_a_column(scores: np.ndarray, factors: list[float]) -> None:
    scaled = scores * np.array(factors[: scores.shape[1]])
    one, other = (aggregate_scores(_matrix(each, chance_level=None)) for each in (scores, scaled))
    for mine, theirs in zip(one[1:], other[1:], strict=True):
        np.testing.assert_allclose(mine.values, theirs.values, atol=1e-8)


@few
@given(TABLES, st.data())
def test_a_missing_cell_changes_no_other_cell(scores: np.ndarray, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, scores.shape[0] - 1))
    column = data.draw(st.integers(0, scores.shape[1] - 1))
    fewer = scores.copy()
    fewer[row, column] = np.nan
    one, other = _matrix(scores), _matrix(fewer)
    left = np.array([item.key in {r.key for r in other.rows} for item in one.rows])
    kept = np.array([item.key in {c.key for c in other.columns} for item in one.columns])
    for name in ("scores", "stderr", "n_items", "steps"):
        expected = getattr(one, name).copy()
        expected[row, column] = np.nan
        np.testing.assert_array_equal(getattr(other, name), expected[left][:, kept])


@few
@given(TABLES, GAPS)
def test_what_is_missing_never_wins(scores: np.ndarray, code: int) -> None:
    report = _report(_with_gaps(scores, code))
    for aggregate in report.aggregates:
        assert not set(aggregate.winners) & set(aggregate.left_out)
        values = aggregate.merit[sort_rows(report, aggregate.method)]
        known = values[~np.isnan(values)]
        assert (np.diff(known) <= 1e-12).all()
        assert np.isnan(values[len(known) :]).all()


@few
@given(TABLES, GAPS)
def test_missing_cells_are_counted_where_they_are(scores: np.ndarray, code: int) -> None:
    scores = _with_gaps(scores, code)
    document = _report(scores).to_json()
    n_missing = document["n_missing"]
    assert isinstance(n_missing, dict)
    kept = ~np.isnan(scores).all(axis=0)
    missing = np.isnan(scores[:, kept])
    assert n_missing["total"] == missing.sum()
    assert list(n_missing["by_row"]) == missing.sum(axis=1).tolist()
    assert list(n_missing["by_column"]) == missing.sum(axis=0).tolist()


@few
@given(TABLES)
def test_win_rates_average_to_one_half_and_strengths_to_zero(scores: np.ndarray) -> None:
    *_, win_rate, strength = aggregate_scores(_matrix(scores, chance_level=None))
    assert np.mean(win_rate.values) == pytest.approx(0.5)
    assert np.mean(strength.values) == pytest.approx(0.0, abs=1e-9)
