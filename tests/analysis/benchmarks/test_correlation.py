from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.benchmarks.correlation import correlate_with_loss
from analysis.benchmarks.correlation_types import LossCorrelations
from analysis.benchmarks.kendall import estimate_tau, estimate_tau_within, tau_b
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.verdicts import correlation_conflicts
from analysis.errors import FilterError
from tests.analysis.benchmarks.tables import evals_of, runs_of

NUMBERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=25)


@given(NUMBERS)
def test_tau_is_that_of_scipy_with_ties(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, dtype=float).T
    expected = stats.kendalltau(x, y).statistic
    assert tau_b(x, y) == pytest.approx(expected, nan_ok=True)


@given(NUMBERS)
def test_one_group_is_no_group_and_singletons_have_no_pairs(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, dtype=float).T
    same = np.zeros(len(x), dtype=np.int64)
    assert tau_b(x, y, same) == pytest.approx(tau_b(x, y), nan_ok=True)
    assert math.isnan(tau_b(x, y, np.arange(len(x))))


def test_thousands_of_points_need_no_table_of_pairs() -> None:
    x, y = np.random.default_rng(7).integers(0, 300, (2, 5000)).astype(float)
    groups = np.arange(5000) % 2
    assert tau_b(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    parts = [(x[groups == at], y[groups == at]) for at in (0, 1)]
    halves = [stats.kendalltau(*part).statistic for part in parts]
    assert tau_b(x, y, groups) == pytest.approx(np.mean(halves), abs=1e-3)


def test_drawing_a_point_twice_is_a_weight_of_two() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 12))
    drawn = np.random.default_rng(1).integers(0, 12, 12)
    weights = np.bincount(drawn, minlength=12)
    in_x, in_y = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    sums = [weights @ pairs @ weights for pairs in (in_x * in_y, np.abs(in_x), np.abs(in_y))]
    assert sums[0] / math.sqrt(sums[1] * sums[2]) == pytest.approx(stats.kendalltau(x[drawn], y[drawn]).statistic)


def test_fewer_than_six_points_have_no_tau() -> None:
    x = np.arange(5.0)
    assert estimate_tau(x, x).value is None
    assert "5 rows are too few" in estimate_tau(x, x).method
    assert estimate_tau(np.arange(6.0), np.arange(6.0)).value == 1.0


def test_without_ties_and_groups_the_interval_is_the_published_formula() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 20))
    found = estimate_tau(x, y)
    centre, reach = math.atanh(tau_b(x, y)), 1.959964 * math.sqrt(0.437 / 16)
    assert found.low == pytest.approx(math.tanh(centre - reach), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(centre + reach), abs=1e-6)
    assert "Fieller" in found.method


def test_ties_or_few_points_are_resampled() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 20))
    assert "bootstrap over 20 rows" in estimate_tau(np.round(x), y).method
    assert "bootstrap over 9 rows" in estimate_tau(x[:9], y[:9]).method


def test_points_that_share_a_group_are_resampled_together() -> None:
    generator = np.random.default_rng(4)
    centres = generator.normal(size=(2, 10)).repeat(6, axis=1)
    x, y = centres + 0.1 * generator.normal(size=(2, 60))
    groups = np.arange(10).repeat(6)
    apart, together = estimate_tau(x, y), estimate_tau(x, y, groups)
    assert together.method == "bootstrap over 10 groups"
    assert together.low is not None
    assert apart.low is not None
    assert together.high is not None
    assert apart.high is not None
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_a_constant_has_no_correlation() -> None:
    found = estimate_tau(np.arange(8.0), np.ones(8))
    assert found.value is None
    assert "the same in every row" in found.method


def _coverage(rounding: float, n: int = 25) -> float:
    """Share of 200 samples of correlated normals whose interval holds the true tau (2/pi asin rho)."""
    generator = np.random.default_rng(5)
    rho = 0.6
    truth = 2 / math.pi * math.asin(rho)
    hits = []
    for _ in range(200):
        x, y = generator.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n).T
        found = estimate_tau(x, np.round(y / rounding) * rounding if rounding else y)
        assert found.low is not None
        assert found.high is not None
        hits.append(found.low <= truth <= found.high)
    return float(np.mean(hits))


def test_the_published_interval_covers_the_truth() -> None:
    assert 0.91 <= _coverage(0.0) <= 1.0


def test_the_resampled_interval_covers_the_truth() -> None:
    # Rounded to a tenth of a standard deviation: a few ties, hardly another tau.
    assert 0.90 <= _coverage(0.1) <= 1.0


def test_the_interval_inside_groups_covers_the_truth() -> None:
    generator = np.random.default_rng(6)
    truth = 2 / math.pi * math.asin(0.6)
    groups = np.arange(3).repeat(15)
    hits = []
    for _ in range(200):
        x, y = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 45).T
        found = estimate_tau_within(x + 5 * groups, y - 5 * groups, groups)
        assert found.low is not None
        assert found.high is not None
        hits.append(found.low <= truth <= found.high)
    assert 0.90 <= np.mean(hits) <= 1.0


def _correlate(scores: np.ndarray, losses: np.ndarray, **columns: object) -> LossCorrelations:
    options = {key: columns.pop(key) for key in ("direction", "within") if key in columns}
    runs = runs_of(scores, value=losses, **columns)  # type: ignore[arg-type]
    matrix = compute_benchmark_matrix(evals_of(scores), runs)
    return correlate_with_loss(matrix, runs, metric="eval_loss", **options)  # type: ignore[arg-type]


def test_a_better_loss_with_a_better_score_is_positive_whatever_the_directions() -> None:
    losses = np.linspace(2, 3, 8)
    scores = np.linspace(0.9, 0.3, 8)[:, None]
    assert _correlate(scores, losses).columns[0].tau.value == 1.0
    assert _correlate(scores, -losses, direction="max").columns[0].tau.value == 1.0
    runs = runs_of(scores, value=losses)
    errors = compute_benchmark_matrix(evals_of(1 - scores, metric="error", higher_is_better=False), runs)
    assert correlate_with_loss(errors, runs, metric="eval_loss").columns[0].tau.value == 1.0


def test_missing_and_unfinished_losses_are_not_counted() -> None:
    losses = np.array([2.0, 2.1, 2.2, 2.3, 2.4, 2.5, np.nan, np.inf, 2.6])
    scores = np.linspace(0.9, 0.3, 9)[:, None]
    status = ["finished"] * 8 + ["running"]
    found = _correlate(scores, losses, status=status).columns[0]
    assert (found.n, found.tau.value) == (6, 1.0)


def test_regret_is_what_picking_by_the_loss_costs() -> None:
    found = _correlate(np.array([[0.6], [0.7], [0.5]]), np.array([2.0, 2.1, 2.2])).columns[0]
    assert found.tau.value is None
    assert found.regret == pytest.approx(0.1)
    assert (found.picked, found.best) == ("r000", "r001")
    assert found.regret_stderr == pytest.approx(math.sqrt(0.6 * 0.4 / 1000 + 0.7 * 0.3 / 1000))


def test_the_best_quarter_is_looked_at_alone() -> None:
    losses = np.linspace(2, 3, 40)
    scores = np.linspace(0.9, 0.5, 40)
    scores[:10] = scores[:10][::-1]
    found = _correlate(scores[:, None], losses).columns[0]
    assert (found.n_top, found.top_tau) == (10, -1.0)
    assert found.tau.value is not None
    assert found.tau.value > 0.8


def _simpson() -> LossCorrelations:
    """Inside each of three models a better loss goes with a better score; between models it is the other way round."""
    inside = np.tile(np.arange(8), 3)
    model = np.arange(3).repeat(8)
    losses = 3 - 0.01 * inside - 0.5 * model
    scores = 0.8 + 0.005 * inside - 0.15 * model
    return _correlate(scores[:, None], losses, model=[f"m{at}" for at in model])


def test_pooling_that_turns_the_sign_is_a_conflict() -> None:
    found = _simpson()
    column = found.columns[0]
    assert found.group_keys == ("model",)
    assert column.within.value == 1.0
    assert column.tau.value is not None
    assert column.tau.value < 0
    assert column.conflict
    assert [group.n for group in column.groups] == [8, 8, 8]
    flag = correlation_conflicts(found)
    assert flag is not None
    assert "in 1 of 1 columns, in 1 of them with the opposite sign" in flag.text


def test_agreement_is_no_conflict() -> None:
    losses = np.linspace(2, 3, 16)
    found = _correlate(np.linspace(0.9, 0.3, 16)[:, None], losses, model=["a", "b"] * 8)
    assert not found.columns[0].conflict
    assert correlation_conflicts(found) is None


def test_groups_too_small_to_look_into_are_joined() -> None:
    rows = 16
    losses, scores = np.linspace(2, 3, rows), np.linspace(0.9, 0.3, rows)[:, None]
    budgets = list(range(1000, 1000 + rows))
    found = _correlate(scores, losses, model=["a", "b"] * 8, token_budget=budgets)
    assert found.group_keys == ("model",)
    found = _correlate(scores, losses, model=[f"m{at}" for at in range(rows)], dataset=["a", "b"] * 8)
    assert found.group_keys == ("dataset",)


def test_groups_can_be_asked_for() -> None:
    losses, scores = np.linspace(2, 3, 12), np.linspace(0.9, 0.3, 12)[:, None]
    assert _correlate(scores, losses, batch_size=[4, 8] * 6, within=("batch_size",)).group_keys == ("batch_size",)
    with pytest.raises(FilterError, match="no configuration key 'nope'"):
        _correlate(scores, losses, within=("nope",))


def test_a_trial_has_the_mean_loss_of_its_runs() -> None:
    scores = np.full((2, 1), 0.5)
    runs = runs_of(scores, value=[2.0, 3.0], trial_key=["k", "k"])
    matrix = compute_benchmark_matrix(evals_of(scores), runs, rows="trial")
    assert correlate_with_loss(matrix, runs, metric="eval_loss").losses.tolist() == [2.5]


def test_no_loss_at_all_says_so() -> None:
    runs = runs_of(np.full((2, 1), 0.5), value=[math.nan, math.nan])
    matrix = compute_benchmark_matrix(evals_of(np.full((2, 1), 0.5)), runs)
    found = correlate_with_loss(matrix, pd.DataFrame(runs), metric="eval_loss").columns[0]
    assert (found.n, found.tau.value, found.regret, found.picked) == (0, None, None, None)
