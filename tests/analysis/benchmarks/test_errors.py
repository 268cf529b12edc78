from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from analysis.benchmarks.chance import is_at_chance
from analysis.benchmarks.errors import Z_95, holm, item_errors, share_errors


def _errors(score: float, n: float, scale: float = 1.0, reported: float = math.nan) -> float:
    return float(item_errors(np.array([score]), np.array([n]), np.array([scale]), np.array([reported]))[0])


def test_the_error_of_a_share_is_that_of_a_binomial() -> None:
    assert _errors(0.3, 500) == pytest.approx(math.sqrt(0.3 * 0.7 / 500))
    assert _errors(30.0, 500, scale=100.0) == pytest.approx(100 * math.sqrt(0.3 * 0.7 / 500))


@pytest.mark.parametrize(("n_right", "n"), [(0, 50), (1, 50), (4, 500), (50, 50), (498, 500)])
def test_near_the_bounds_the_error_is_half_the_wilson_interval(n_right: int, n: int) -> None:
    low, high = proportion_confint(n_right, n, method="wilson")
    assert _errors(n_right / n, n) == pytest.approx((high - low) / 2 / Z_95)


def test_a_reported_error_counts_unless_it_is_zero() -> None:
    assert _errors(0.5, 100, reported=0.2) == 0.2
    assert _errors(0.0, 100, reported=0.0) > 0
    assert _errors(12.0, 100, scale=math.nan, reported=0.4) == 0.4


@pytest.mark.parametrize(("score", "n", "scale"), [(0.5, math.nan, 1.0), (0.5, 0, 1.0), (12.0, 100, math.nan)])
def test_an_unknown_error_stays_unknown(score: float, n: float, scale: float) -> None:
    assert math.isnan(_errors(score, n, scale))


def test_a_share_outside_its_bounds_has_no_error() -> None:
    assert np.isnan(share_errors(np.array([1.2, -0.1]), np.array([10.0, 10.0]))).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(np.array(p_values)), expected)


def test_holm_ignores_what_is_missing() -> None:
    corrected = holm(np.array([[0.01, math.nan], [0.04, 0.02]]))
    np.testing.assert_allclose(corrected, [[0.03, math.nan], [0.04, 0.04]])


def _at_chance(scores: list[float], n: float = 1000, chance: float | None = 0.25, sign: float = 1.0) -> bool | None:
    values = np.array(scores)
    items = np.full(len(scores), n)
    return is_at_chance(values, items, share_errors(values, items), chance=chance, scale=1.0, sign=sign)


def test_one_row_above_chance_is_enough() -> None:
    assert _at_chance([0.25, 0.24, 0.26, 0.23]) is True
    assert _at_chance([0.25, 0.24, 0.26, 0.33]) is False


def test_among_many_rows_the_luckiest_is_not_believed() -> None:
    # 0.277 has a one-sided p of 0.03: enough for one row, not for the best of forty.
    assert _at_chance([0.277]) is False
    assert _at_chance([0.277] + [0.25] * 39) is True


def test_lower_is_better_and_chance_from_above() -> None:
    assert _at_chance([0.75, 0.74], chance=0.75, sign=-1.0) is True
    assert _at_chance([0.75, 0.60], chance=0.75, sign=-1.0) is False


def test_an_unknown_chance_level_or_error_gives_no_verdict() -> None:
    assert _at_chance([0.25], chance=None) is None
    assert _at_chance([0.25], n=math.nan) is None
    assert _at_chance([math.nan]) is None


def test_without_items_the_reported_error_decides() -> None:
    def verdict(score: float) -> bool | None:
        return is_at_chance(np.array([score]), np.array([math.nan]), np.array([0.02]), chance=0.5, scale=None, sign=1.0)

    assert verdict(0.52) is True
    assert verdict(0.55) is False


def test_right_answers_where_guessing_never_succeeds_are_above_chance() -> None:
    assert _at_chance([0.0, 0.0], chance=0.0) is True
    assert _at_chance([0.0, 0.002], chance=0.0) is False


def test_pure_guessing_is_called_so_in_at_least_95_percent_of_tables() -> None:
    generator = np.random.default_rng(1)
    tables = generator.binomial(200, 0.25, size=(200, 10)) / 200
    called = [_at_chance(list(table), n=200) for table in tables]
    assert 0.92 <= np.mean(np.array(called, dtype=bool)) <= 1.0
