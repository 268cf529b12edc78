from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.weightstats import ttost_ind

from analysis.scaling.power_law import (
    BATCH_RULES,
    Law,
    compare_with_rules,
    fit_power_law,
    slope_points,
    steady_errors,
)
from analysis.scaling.types import OptimumPoint, PowerLaw
from analysis.scaling.weighted_fit import moment_tau2
from tests.analysis.scaling.laws import make_point, make_points


def _table(points: list[OptimumPoint]) -> pd.DataFrame:
    return pd.DataFrame({"y": math.log(point.lr), "x": math.log(point.x), "setting": point.label} for point in points)


def test_the_pooled_exponent_is_that_of_statsmodels_with_clusters() -> None:
    points = make_points(np.random.default_rng(3), n_settings=5, tau=0.1)
    table = _table(points)
    fitted = smf.wls("y ~ C(setting) + x", table, weights=Law(points).weights).fit(
        cov_type="cluster", cov_kwds={"groups": table["setting"].astype("category").cat.codes}, use_t=True
    )
    law = fit_power_law(points)
    assert law.alpha == pytest.approx(fitted.params["x"], rel=1e-9)
    assert law.se == pytest.approx(fitted.bse["x"], rel=1e-9)
    assert law.interval == pytest.approx(tuple(fitted.conf_int().loc["x"]), rel=1e-9)
    assert law.dof == 4
    assert "cluster-robust over 5 settings" in law.interval_method


@pytest.mark.parametrize("n_settings", [1, 2])
def test_few_settings_have_the_t_interval_of_the_residuals(n_settings: int) -> None:
    points = make_points(np.random.default_rng(4), n_settings=n_settings)
    formula = "y ~ C(setting) + x" if n_settings > 1 else "y ~ x"
    fitted = smf.wls(formula, _table(points), weights=Law(points).weights).fit()
    law = fit_power_law(points)
    assert law.alpha == pytest.approx(fitted.params["x"], rel=1e-9)
    assert law.interval == pytest.approx(tuple(fitted.conf_int().loc["x"]), rel=1e-9)


def test_the_spread_between_points_is_dersimonian_and_laird_s() -> None:
    generator = np.random.default_rng(5)
    se = generator.uniform(0.1, 0.5, 12)
    effects = generator.normal(0, np.hypot(se, 0.4))
    reference = combine_effects(effects, se**2, method_re="dl")
    assert moment_tau2(np.ones((12, 1)), effects, se) == pytest.approx(reference.tau2, rel=1e-9)


def test_a_single_setting_with_three_batch_sizes_has_no_interval() -> None:
    law = fit_power_law(make_points(np.random.default_rng(6), n_settings=1, batches=(8, 16, 32)))
    assert law.alpha is not None
    assert law.interval is None
    assert law.interval_method == "none: a single setting needs optima at 4 places, it has 3"
    assert [test.in_interval for test in compare_with_rules(law, BATCH_RULES)] == [None, None, None]


def test_settings_with_one_place_say_nothing_of_the_slope() -> None:
    points = [make_point("a", 8, -9.0, 0.1), make_point("a", 16, -8.7, 0.1), make_point("b", 8, -5.0, 0.1)]
    assert [point.label for point in slope_points(points)] == ["a", "a"]
    assert fit_power_law([]).alpha is None


def test_exact_optima_give_the_exact_exponent() -> None:
    points = [make_point("a", x, -9 + 0.5 * math.log(x), 0.0) for x in (8, 16, 32, 64)]
    law = fit_power_law(points)
    assert law.alpha == pytest.approx(0.5)
    assert law.interval == pytest.approx((0.5, 0.5))
    assert [test.is_equivalent for test in compare_with_rules(law, BATCH_RULES)] == [False, True, False]


def test_equivalence_is_two_one_sided_t_tests() -> None:
    values = np.array([0.42, 0.5, 0.57, 0.48, 0.55])
    law = PowerLaw(
        alpha=float(values.mean()),
        interval=(0.0, 1.0),
        interval_method="",
        se=float(values.std(ddof=1) / math.sqrt(5)),
        dof=4,
        intercepts={},
        tau=0.0,
        n_points=5,
    )
    (test,) = compare_with_rules(law, {"square root": 0.5})
    # A second sample without any spread turns the two-sample test into that of one mean, apart from its dof.
    reference, _, _ = ttost_ind(values, np.full(5, 0.5), -0.1, 0.1, usevar="unequal")
    assert test.equivalence_p == pytest.approx(reference, rel=1e-6)


def test_a_rule_that_the_interval_misses_is_not_in_it() -> None:
    law = fit_power_law(make_points(np.random.default_rng(7), n_settings=6))
    none, root, linear = compare_with_rules(law, BATCH_RULES)
    assert (none.in_interval, root.in_interval, linear.in_interval) == (False, True, False)


@pytest.mark.parametrize(
    ("n_settings", "tau", "slope_sd"),
    [(1, 0.0, 0.0), (1, 0.15, 0.0), (2, 0.1, 0.0), (4, 0.1, 0.0), (4, 0.0, 0.1), (8, 0.1, 0.1)],
)
def test_intervals_hold_the_truth_as_often_as_they_say(n_settings: int, tau: float, slope_sd: float) -> None:
    generator = np.random.default_rng(8)
    laws = [
        fit_power_law(make_points(generator, n_settings=n_settings, tau=tau, slope_sd=slope_sd)) for _ in range(200)
    ]
    inside = np.mean([law.interval is not None and law.interval[0] <= 0.5 <= law.interval[1] for law in laws])
    # 200 draws at 95 % lie between 91 and 98.5 % in 99 of 100 cases; a little more is no harm.
    assert 0.91 <= inside <= 0.995
    assert np.mean([law.alpha for law in laws]) == pytest.approx(0.5, abs=0.03)


def test_steady_errors_pull_half_way_to_the_median_variance() -> None:
    assert steady_errors([1.0, 1.0, 7.0]) == pytest.approx([1.0, 1.0, 5.0])
