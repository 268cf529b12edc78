"""What must hold for every sweep, whatever its numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.lr_curves.compute import Direction, LrCurve, compute_lr_curves
from analysis.ranking.rank import rank_configurations
from tests.analysis.sweeps import losses, make_results, messy_tables, sweeps

# Every example is a whole sweep; the repeatable profile's hundred would take too long.
few = settings(max_examples=settings().max_examples * 2 // 5)
_BOTH_DIRECTIONS: tuple[Direction, Direction] = ("min", "max")


def the_curve(results: pd.DataFrame) -> LrCurve:
    (curve,) = compute_lr_curves(results, metric="eval_loss")
    return curve


@few
@given(sweeps(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(results: pd.DataFrame, random: np.random.RandomState) -> None:
    order = list(range(len(results)))
    random.shuffle(order)
    shuffled = results.iloc[order]
    assert the_curve(shuffled).to_json() == the_curve(results).to_json()
    best, again = (rank_configurations(table, metric="eval_loss").to_json() for table in (results, shuffled))
    assert _without_run_order(best) == _without_run_order(again)


def _without_run_order(value: object) -> object:
    if isinstance(value, dict):
        return {key: sorted(item) if key == "run_ids" else _without_run_order(item) for key, item in value.items()}
    return [_without_run_order(item) for item in value] if isinstance(value, list) else value


@few
@given(sweeps(), st.sampled_from([1e-3, 0.1, 0.37, 3.0, 50.0]))
def test_scaling_the_learning_rates_scales_the_optimum(results: pd.DataFrame, factor: float) -> None:
    scaled = results.assign(learning_rate=results["learning_rate"] * factor)
    before, after = the_curve(results), the_curve(scaled)
    assert (after.edge, after.shape) == (before.edge, before.shape)
    for one, other in [
        (before.argmin_lr, after.argmin_lr),
        (before.optimum_lr, after.optimum_lr),
        *zip(before.interval or (None,), after.interval or (None,), strict=True),
        *zip(before.flat_region or (None,), after.flat_region or (None,), strict=True),
    ]:
        assert (one is None) == (other is None)
        if one is not None:
            assert other == pytest.approx(one * factor, rel=1e-4)


@few
@given(sweeps(), st.sampled_from([-1.0, 0.5, 8.0]))
def test_adding_a_constant_to_the_loss_moves_no_argmin(results: pd.DataFrame, constant: float) -> None:
    # Rounded to a grid of 2^-20, so that the addition is exact and no tie is made or broken.
    exact = results.assign(value=(results["value"] * 2**20).round() / 2**20)
    shifted = exact.assign(value=exact["value"] + constant)
    assert the_curve(shifted).argmin_lr == the_curve(exact).argmin_lr


@few
@given(sweeps())
def test_regret_is_never_negative(results: pd.DataFrame) -> None:
    curve = the_curve(results)
    if curve.regret_of_recommended is not None:
        assert curve.regret_of_recommended >= 0
        assert curve.regret_of_recommended_absolute is not None


@few
@given(sweeps())
def test_aggregating_one_seed_is_the_identity(results: pd.DataFrame) -> None:
    single = results[results["seed"] == 0]
    points = the_curve(single).points
    assert [point.mean for point in points] == list(single["value"])
    assert all(point.sd is None and point.n == 1 for point in points)


@few
@given(
    sweeps(),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.sampled_from(["finished", "diverged"]),
    st.sampled_from([1e-5, 1e-2]),
)
def test_a_run_that_is_not_finite_never_wins(
    results: pd.DataFrame, value: float, status: str, learning_rate: float
) -> None:
    bad = make_results([{"run_id": "bad", "status": status, "value": value, "learning_rate": learning_rate, "seed": 9}])
    both = pd.concat([results, bad], ignore_index=True)
    curve = the_curve(both)
    assert "bad" not in {run_id for point in curve.points for run_id in point.run_ids}
    assert curve.best_mean is not None
    assert math.isfinite(curve.best_mean)
    for direction in _BOTH_DIRECTIONS:
        winner = rank_configurations(both, metric="m", direction=direction).overall.winner
        assert winner is not None
        assert "bad" not in winner.run_ids


@few
@given(sweeps())
def test_everything_said_lies_in_what_was_tried(results: pd.DataFrame) -> None:
    curve = the_curve(results)
    low, high = results["learning_rate"].min(), results["learning_rate"].max()
    if curve.optimum_lr is not None:
        assert low * 0.999 <= curve.optimum_lr <= high * 1.001
    if curve.interval is not None:
        assert curve.optimum_lr is not None
        assert curve.interval[0] * 0.999 <= curve.optimum_lr <= curve.interval[1] * 1.001
    if curve.flat_region is not None:
        assert curve.argmin_lr is not None
        assert low * 0.999 <= curve.flat_region[0] <= curve.argmin_lr * 1.001
        assert curve.argmin_lr * 0.999 <= curve.flat_region[1] <= high * 1.001


@few
@given(messy_tables(), st.sampled_from(_BOTH_DIRECTIONS))
@example(make_results([]), "min")
@example(make_results(losses([1e-4, 1e-3], [1e308, 1e308])), "min")
@example(make_results([{"status": "running", "learning_rate": math.inf, "value": 1.0}]), "max")
def test_no_table_breaks_the_analysis_or_its_json(results: pd.DataFrame, direction: Direction) -> None:
    curves = compute_lr_curves(results, metric="m", direction=direction)
    json.dumps([curve.to_json() for curve in curves], allow_nan=False)
    best = rank_configurations(results, metric="m", direction=direction)
    json.dumps(best.to_json(), allow_nan=False)
    entering = results["status"].isin(["finished", "diverged"]) & (results["learning_rate"] > 0)
    entering &= np.isfinite(results["learning_rate"].astype(float))
    assert sum(curve.n_runs for curve in curves) <= int(entering.sum())
    assert all(point.mean is None or math.isfinite(point.mean) for curve in curves for point in curve.points)
