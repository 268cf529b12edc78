from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis.scaling.hinge import fit_hinge
from analysis.scaling.power_law import Law
from analysis.scaling.types import Hinge, OptimumPoint
from tests.analysis.scaling.laws import hinged, make_point, make_points

BATCHES = tuple(8 * 2.0**step for step in range(7))


def _covers(hinge: Hinge) -> tuple[bool, bool]:
    below, above = hinge.interval_below, hinge.interval_above
    assert below is not None
    assert above is not None
    return below[0] <= 0.7 <= below[1], above[0] <= 0.0 <= above[1]


def _fit(points: list[OptimumPoint]) -> Hinge:
    return fit_hinge(points, [64.0] * len(points))


def test_two_slopes_and_their_break_are_recovered() -> None:
    points = make_points(np.random.default_rng(1), n_settings=4, batches=BATCHES, law=hinged(0.7, 0.0, 64))
    hinge = _fit(points)
    assert hinge.is_better
    assert _covers(hinge) == (True, True)
    assert hinge.break_batch_size == pytest.approx(64, rel=0.3)
    assert hinge.break_ratio == pytest.approx(1.0, rel=0.3)
    assert hinge.interval_break is not None
    assert hinge.interval_break[0] < 64 < hinge.interval_break[1]
    assert hinge.delta_aic is not None
    assert hinge.delta_aic > 10


@pytest.mark.slow
def test_intervals_of_both_slopes_hold_the_truth() -> None:
    generator = np.random.default_rng(2)
    found = [
        _covers(_fit(make_points(generator, n_settings=4, batches=BATCHES, law=hinged(0.7, 0.0, 60.0))))
        for _ in range(200)
    ]
    below, above = np.mean(found, axis=0)
    assert 0.90 <= below <= 1
    assert 0.90 <= above <= 1


@pytest.mark.slow
def test_a_single_power_law_keeps_the_single_law() -> None:
    generator = np.random.default_rng(3)
    better = [_fit(make_points(generator, n_settings=3, batches=BATCHES)).is_better for _ in range(200)]
    # 5 % are expected; 200 draws exceed 9 % in one case of a hundred.
    assert np.mean(better) <= 0.09


def test_the_break_is_found_where_it_is_a_multiple_of_each_setting_s_best_batch() -> None:
    generator = np.random.default_rng(4)
    best = {"a": 16.0, "b": 64.0, "c": 128.0}
    points = [
        make_point(label, batch, -9 + 0.7 * min(math.log(batch / x), 0) + generator.normal(0, 0.05), 0.05)
        for label, x in best.items()
        for batch in BATCHES
    ]
    hinge = fit_hinge(points, [best[point.label] for point in points])
    assert hinge.relative is True
    assert hinge.break_ratio == pytest.approx(1.0, rel=0.2)
    assert hinge.break_batch_size == pytest.approx((16 * 64 * 128) ** (1 / 3), rel=0.2)
    assert _covers(hinge) == (True, True)


def test_information_criteria_are_those_of_statsmodels_at_the_break() -> None:
    points = make_points(np.random.default_rng(5), n_settings=3, batches=BATCHES, law=hinged(0.7, 0.0, 64))
    hinge = _fit(points)
    table = pd.DataFrame({"y": math.log(p.lr), "x": math.log(p.x), "setting": p.label} for p in points)
    assert hinge.break_batch_size is not None
    table["kink"] = np.maximum(table["x"] - math.log(hinge.break_batch_size), 0)
    weights = Law(points).weights
    single = smf.wls("y ~ C(setting) + x", table, weights=weights).fit()
    double = smf.wls("y ~ C(setting) + x + kink", table, weights=weights).fit()
    assert hinge.alpha_below == pytest.approx(double.params["x"], rel=1e-6)
    assert hinge.alpha_above == pytest.approx(double.params["x"] + double.params["kink"], rel=1e-6)
    # statsmodels does not know that the break was estimated, which costs one more parameter.
    assert hinge.delta_aic == pytest.approx(single.aic - double.aic - 2, rel=1e-6)
    assert hinge.delta_bic == pytest.approx(single.bic - double.bic - math.log(len(points)), rel=1e-6)
    finer = [
        smf.wls("y ~ C(setting) + x + np.maximum(x - at, 0)", table.assign(at=at), weights=weights).fit().ssr
        for at in np.linspace(math.log(16), math.log(256), 60)
    ]
    assert double.ssr <= min(finer) * 1.02


def test_exact_data_of_one_power_law_have_no_break() -> None:
    points = [make_point("a", x, -9 + 0.5 * math.log(x), 0.0) for x in BATCHES]
    assert not _fit(points).is_better


@pytest.mark.parametrize("n_batches", [2, 4])
def test_too_few_batch_sizes_are_said(n_batches: int) -> None:
    points = make_points(np.random.default_rng(6), n_settings=3, batches=BATCHES[:n_batches])
    hinge = _fit(points)
    assert hinge.reason == f"a break needs optima at 5 batch sizes, there are {n_batches}"
    assert set(hinge.to_json().values()) == {None, hinge.reason}


def test_too_few_optima_for_two_slopes_are_said() -> None:
    points = make_points(np.random.default_rng(7), n_settings=1, batches=BATCHES[:5])
    assert _fit(points).reason == "a break needs more optima than 5 in 1 settings"
