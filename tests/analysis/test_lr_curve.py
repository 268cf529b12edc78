from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import PchipInterpolator

from analysis.errors import FilterError, SchemaError
from analysis.lr_curves.compute import Direction, LrCurve, compute_lr_curves
from analysis.lr_curves.points import usable_points
from analysis.lr_curves.shape import classify_edge
from tests.analysis.sweeps import FLOOR, HALF_DECADES, OPTIMUM, losses, make_results, u_rows


def one_curve(rows: Sequence[Mapping[str, object]], direction: Direction = "min") -> LrCurve:
    (curve,) = compute_lr_curves(make_results(rows), metric="eval_loss", direction=direction)
    return curve


def _coverage(n_repetitions: int, *, seeds: int, sd: float, lopsided: float = 0.0, step: float = 10**0.5) -> float:
    """Share of the sweeps with an interval whose interval holds the truth; nearly all sweeps have one."""
    rates = [OPTIMUM * 1.2 * step**index for index in range(-3, 4)]
    held = []
    for repetition in range(n_repetitions):
        generator = np.random.default_rng(repetition)
        curve = one_curve(u_rows(rates, seeds=seeds, sd=sd, generator=generator, lopsided=lopsided))
        if curve.interval is not None:
            held.append(curve.interval[0] <= OPTIMUM <= curve.interval[1])
    assert len(held) >= 0.9 * n_repetitions
    return float(np.mean(held))


# 95 % stated; 200 sweeps stray by 1.5 percentage points (one standard error).
@pytest.mark.parametrize(("seeds", "sd"), [(1, 0.02), (2, 0.02), (3, 0.01), (5, 0.1)])
def test_the_interval_holds_the_truth_at_its_stated_rate(seeds: int, sd: float) -> None:
    assert _coverage(200, seeds=seeds, sd=sd) >= 0.92


@pytest.mark.parametrize(
    ("seeds", "step", "sd"), [(3, 2.0, 0.005), (2, 10**0.5, 0.02), (3, 10**0.5, 0.02), (5, 10**0.5, 0.02)]
)
def test_the_interval_of_a_lopsided_valley_holds_the_truth_too(seeds: int, step: float, sd: float) -> None:
    """On a coarse grid with little noise no form is exact; a single form held the truth in 75 to 85 % of these."""
    assert _coverage(200, seeds=seeds, sd=sd, lopsided=0.4, step=step) >= 0.92


@pytest.mark.parametrize("shared", [True, False])
def test_shared_seeds_take_their_common_shift_out_of_the_interval(shared: bool) -> None:
    rows = u_rows(seeds=3, sd=0.01, generator=np.random.default_rng(4))
    shifts = np.random.default_rng(5).normal(0, 0.1, 3)
    for index, row in enumerate(rows):
        row["value"] = float(str(row["value"])) + float(shifts[index % 3])
        row["seed"] = index % 3 if shared else index
    curve = one_curve(rows)
    assert curve.interval is not None
    assert curve.share_unbracketed == 0
    width = math.log(curve.interval[1] / curve.interval[0])
    assert (width < 0.8) == shared
    assert ("common shift" in curve.interval_method) == shared


def test_a_u_is_tested_where_replicates_allow() -> None:
    replicated = one_curve(u_rows(seeds=3, sd=0.01, generator=np.random.default_rng(1)))
    assert replicated.u_test is not None
    assert replicated.u_test.p_value < 0.001
    assert replicated.u_test.two_lines_p is not None
    assert replicated.u_test.two_lines_p < 0.05
    assert one_curve(u_rows()).u_test is None


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(FilterError, match="'nan'"):
        compute_lr_curves(make_results(u_rows(HALF_DECADES)), metric="eval_loss", diverged_above=math.nan)


def test_a_stated_rule_says_what_diverged() -> None:
    rows = losses([1e-4, 2e-4, 4e-4, 8e-4], [2.4, 2.2, 2.1, 6.0])
    (curve,) = compute_lr_curves(make_results(rows), metric="eval_loss", diverged_above=5.0)
    assert curve.edge == "bounded_by_divergence"
    assert [point.n_diverged for point in curve.points] == [0, 0, 0, 1]
    assert one_curve(rows).edge == "none"


def test_a_clean_u_is_found() -> None:
    curve = one_curve(u_rows())
    assert (curve.edge, curve.shape) == ("none", "u")
    assert curve.argmin_lr == HALF_DECADES[3]
    assert curve.optimum_lr == pytest.approx(OPTIMUM, rel=1e-9)
    assert curve.fit is not None
    assert curve.fit.optimum_value == pytest.approx(FLOOR)
    assert curve.flat_region is not None
    assert curve.flat_region[0] < OPTIMUM < curve.flat_region[1]
    assert curve.lr_step == pytest.approx(math.sqrt(10))
    assert [point.n for point in curve.points] == [1] * 7
    assert "noise is unknown" in curve.warnings[0]


def test_replicates_become_mean_and_spread() -> None:
    rows: list[dict[str, object]] = [
        {"learning_rate": 1e-4, "seed": seed, "value": value} for seed, value in enumerate([2.0, 2.2, 2.7])
    ]
    (point,) = one_curve(rows).points
    assert point.mean == pytest.approx(2.3)
    assert point.sd == pytest.approx(pd.Series([2.0, 2.2, 2.7]).std())
    assert (point.n, point.n_diverged) == (3, 0)


def test_learning_rates_within_one_percent_are_one_point() -> None:
    curve = one_curve(losses([1e-4, 1e-4, 1.009e-4, 1.02e-4], [2.0, 2.1, 2.2, 2.3]))
    assert [point.learning_rate for point in curve.points] == [1e-4, 1.02e-4]
    assert [point.n for point in curve.points] == [3, 1]


@pytest.mark.parametrize(
    ("values", "edge", "next_rates"),
    [([2.0, 2.1, 2.2, 2.4], "low", (3.33e-5,)), ([2.4, 2.2, 2.1, 2.0], "high", (8.1e-3,))],
)
def test_a_minimum_at_the_edge_is_only_a_bound(values: list[float], edge: str, next_rates: tuple[float, ...]) -> None:
    curve = one_curve(losses([1e-4, 3e-4, 9e-4, 2.7e-3], values))
    assert (curve.edge, curve.shape, curve.next_learning_rates) == (edge, "monotone", next_rates)
    assert (curve.optimum_lr, curve.interval) == (None, None)
    assert "only a bound" in curve.interval_method
    assert f"{edge}est one tried" in curve.warnings[0]


def test_divergence_above_brackets_the_minimum() -> None:
    rows = losses([1e-4, 2e-4, 4e-4, 8e-4], [2.4, 2.2, 2.1, 2.0])
    rows.append({"learning_rate": 3.2e-3, "status": "diverged", "value": 2.0})
    curve = one_curve(rows)
    assert curve.edge == "bounded_by_divergence"
    assert curve.argmin_lr == curve.optimum_lr == 8e-4
    assert curve.interval is None
    assert "divergence" in curve.interval_method
    assert curve.next_learning_rates == (1.6e-3,)
    diverged = curve.points[-1]
    assert (diverged.mean, diverged.sd, diverged.n, diverged.n_diverged) == (None, None, 0, 1)


def test_a_queued_learning_rate_above_is_no_bracket() -> None:
    rows = losses([1e-4, 2e-4, 4e-4], [2.4, 2.2, 2.1])
    rows += [{"learning_rate": 8e-4, "status": status, "value": math.nan} for status in ("queued", "running", "failed")]
    curve = one_curve(rows)
    assert curve.edge == "high"
    assert (curve.n_runs, curve.n_running, curve.n_left_out) == (3, 2, 1)
    assert curve.warnings[-1].startswith("2 runs are still queued or running")


def test_a_logged_nan_is_a_divergence_and_a_missing_metric_is_not() -> None:
    rows = losses([1e-4, 2e-4, 4e-4], [2.4, 2.2, math.nan])
    assert one_curve(rows).edge == "bounded_by_divergence"
    rows[-1]["n_logged"] = 0
    curve = one_curve(rows)
    assert curve.edge == "high"
    assert curve.n_left_out == 1


def test_survivors_of_a_partly_diverged_learning_rate_do_not_win() -> None:
    rows = u_rows([1e-4, 2e-4, 4e-4, 8e-4], seeds=2, optimum=2e-4, curvature=0.1)
    rows += [{"learning_rate": 1.6e-3, "seed": 0, "value": 1.0}]
    rows += [{"learning_rate": 1.6e-3, "seed": 1, "status": "diverged", "value": math.nan}]
    curve = one_curve(rows)
    assert curve.argmin_lr == 2e-4
    assert curve.points[-1].mean == 1.0
    assert "1 of 2 runs diverged" in " ".join(curve.warnings)


def test_an_end_within_noise_of_the_minimum_is_a_soft_edge() -> None:
    rows = []
    for rate, mean in zip([1e-4, 2e-4, 4e-4, 8e-4], [2.9, 2.5, 2.40, 2.41], strict=True):
        rows += [{"learning_rate": rate, "seed": None, "value": mean + shift} for shift in (-0.03, 0, 0.03)]
    curve = one_curve(rows)
    assert curve.edge == "soft"
    assert curve.next_learning_rates == (2.4e-3,)
    assert "highest one tried" in curve.warnings[0]


def test_a_flat_curve_has_no_optimum() -> None:
    generator = np.random.default_rng(5)
    curve = one_curve(u_rows(seeds=3, sd=0.02, curvature=0.0, generator=generator))
    assert (curve.shape, curve.edge, curve.optimum_lr, curve.interval) == ("flat", "soft", None, None)
    assert "does not matter" in " ".join(curve.warnings)


def test_a_curve_with_two_valleys_says_so() -> None:
    curve = one_curve(losses([1e-5, 3e-5, 1e-4, 3e-4, 1e-3], [2.6, 2.2, 2.5, 2.1, 2.6]))
    assert curve.shape == "several_minima"
    assert "turns more than once" in " ".join(curve.warnings)


def test_wiggles_within_noise_are_no_valleys() -> None:
    rows = []
    for rate, mean in zip([1e-5, 3e-5, 1e-4, 3e-4, 1e-3], [2.8, 2.40, 2.41, 2.40, 2.8], strict=True):
        rows += [{"learning_rate": rate, "seed": None, "value": mean + shift} for shift in (-0.02, 0.02)]
    assert one_curve(rows).shape == "u"


@pytest.mark.parametrize("n_points", [1, 2])
def test_one_or_two_points_make_no_curve(n_points: int) -> None:
    curve = one_curve(losses([1e-4, 3e-4][:n_points], [2.1, 2.0][:n_points]))
    assert curve.shape == "too_few"
    assert (curve.optimum_lr, curve.interval, curve.flat_region, curve.fit) == (None, None, None, None)
    assert curve.edge == ("high" if n_points == 2 else "soft")
    assert len(curve.next_learning_rates) == (1 if n_points == 2 else 2)


def test_three_points_give_a_bracket_but_no_interval() -> None:
    curve = one_curve(losses([1e-4, 3e-4, 9e-4], [2.2, 2.0, 2.1]))
    assert (curve.edge, curve.shape, curve.optimum_lr, curve.interval) == ("none", "u", 3e-4, None)
    assert "needs 4 learning rates" in curve.interval_method
    assert curve.next_learning_rates == (1.73e-4, 5.2e-4)


def test_all_diverged_points_downward() -> None:
    curve = one_curve(losses([1e-3, 1e-2], [math.nan, math.nan], status="diverged"))
    assert (curve.edge, curve.shape, curve.argmin_lr, curve.optimum_lr) == ("low", "too_few", None, None)
    assert curve.next_learning_rates == (1.11e-4, 3.33e-4)
    assert [point.n_diverged for point in curve.points] == [1, 1]
    assert "Every run diverged" in curve.warnings[0]


def test_only_running_runs_make_a_curve_without_points() -> None:
    curve = one_curve([{"learning_rate": 1e-3, "status": "running", "value": math.nan, "n_logged": 0}])
    assert (curve.points, curve.n_running, curve.next_learning_rates) == ((), 1, ())
    assert curve.warnings[0] == "No run has finished yet."


def test_nothing_makes_no_curves() -> None:
    assert compute_lr_curves(make_results([]), metric="eval_loss") == []
    failed = make_results([{"learning_rate": 1e-3, "status": "failed", "value": math.nan}])
    assert compute_lr_curves(failed, metric="eval_loss") == []


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="it lacks learning_rate, value"):
        compute_lr_curves(pd.DataFrame({"run_id": ["a"], "status": ["finished"]}), metric="eval_loss")


def test_a_score_is_the_mirror_image_of_a_loss() -> None:
    rows = u_rows(seeds=2, sd=0.01, generator=np.random.default_rng(3))
    mirrored = [{**row, "value": -float(str(row["value"]))} for row in rows]
    low, high = one_curve(rows), one_curve(mirrored, direction="max")
    assert (high.argmin_lr, high.optimum_lr, high.interval) == (low.argmin_lr, low.optimum_lr, low.interval)
    assert low.fit is not None
    assert high.fit is not None
    assert high.fit.optimum_value == -low.fit.optimum_value
    assert high.regret_of_recommended is None
    assert high.regret_of_recommended_absolute == low.regret_of_recommended_absolute


# --- the recommended learning rate and its regret ---------------------------------------------------------------------


def test_regret_is_pchip_through_the_means_against_the_lowest() -> None:
    rates = [1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3]
    values = [2.30, 2.15, 2.11, 2.19, 2.60]
    curve = one_curve(losses(rates, values))
    recommended = 0.0002856415043086949
    assert curve.recommended_lr == recommended
    at_recommended = float(PchipInterpolator(np.log(rates), values)(math.log(recommended)))
    assert curve.regret_of_recommended == pytest.approx((at_recommended - 2.11) / 2.11, rel=1e-9)
    assert curve.regret_of_recommended_absolute == pytest.approx(at_recommended - 2.11, rel=1e-9)
    assert "PCHIP" in curve.regret_method


def test_regret_at_the_best_learning_rate_is_zero() -> None:
    recommended = 0.0002856415043086949
    rates = [recommended * factor for factor in (0.25, 0.5, 1, 2, 4)]
    assert one_curve(losses(rates, [2.5, 2.2, 2.0, 2.2, 2.6])).regret_of_recommended == pytest.approx(0, abs=1e-9)


def test_a_clean_parabola_gives_the_true_regret() -> None:
    curve = one_curve(u_rows())
    assert curve.recommended_lr is not None
    true = 0.05 * math.log(curve.recommended_lr / OPTIMUM) ** 2 / FLOOR
    assert curve.regret_of_recommended == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("rates", [[1e-3, 2e-3, 4e-3], [1e-5, 2e-5, 4e-5]])
def test_regret_is_never_extrapolated(rates: list[float]) -> None:
    curve = one_curve(losses(rates, [2.2, 2.0, 2.1]))
    assert (curve.regret_of_recommended, curve.regret_of_recommended_absolute) == (None, None)
    assert "outside the range" in curve.regret_method


def test_no_regret_next_to_a_diverged_run() -> None:
    rows = losses([1e-4, 2e-4, 8e-4], [2.2, 2.0, 2.1])
    rows.append({"learning_rate": 4e-4, "status": "diverged", "value": math.nan})
    curve = one_curve(rows)
    assert curve.regret_of_recommended is None
    assert "diverged next to" in curve.regret_method


def test_a_negative_loss_has_no_relative_regret() -> None:
    curve = one_curve(losses([1e-4, 2e-4, 4e-4], [-2.0, -2.2, -2.1]))
    assert curve.regret_of_recommended is None
    assert curve.regret_of_recommended_absolute is not None
    assert "positive loss" in curve.regret_method


@pytest.mark.parametrize(
    ("model", "reason"), [(None, "name no model"), ("google/gemma-2-2b", "no learning rate is recommended")]
)
def test_without_a_recommendation_there_is_no_regret(model: str | None, reason: str) -> None:
    curve = one_curve(losses([1e-4, 2e-4, 4e-4], [2.2, 2.0, 2.1], model=model))
    assert curve.recommended_lr is None
    assert reason in curve.regret_method


def test_what_the_runs_recorded_of_their_model_is_enough() -> None:
    config = json.dumps({"model_hidden_size": 2000, "model_type": "llama"})
    rows = losses([1e-4, 2e-4, 1e-3], [2.2, 2.0, 2.1], model="our/model", config_json=config)
    curve = one_curve(rows)
    assert curve.recommended_lr == pytest.approx(5e-4)
    assert curve.recommendation is not None
    assert not curve.recommendation.calibrated
    full = one_curve([{**row, "adapter": "full"} for row in rows])
    assert full.recommended_lr == pytest.approx(5e-5)


# --- grouping ---------------------------------------------------------------------------------------------------------


def test_every_hyperparameter_that_varies_makes_curves_and_names_them() -> None:
    rows = [*u_rows(batch_size=4, lora_rank=8, lora_alpha=16), *u_rows(batch_size=16, lora_rank=8, lora_alpha=16)]
    rows += u_rows(batch_size=16, lora_rank=64, lora_alpha=128)
    curves = compute_lr_curves(make_results(rows), metric="eval_loss")
    assert [curve.label for curve in curves] == [
        "batch_size 4, lora_rank 8",
        "batch_size 16, lora_rank 8",
        "batch_size 16, lora_rank 64",
    ]
    assert dict(curves[0].group) == {"batch_size": 4, "lora_rank": 8}


def test_what_follows_from_the_batch_size_is_not_shown() -> None:
    rows = [
        row
        for size in (4, 16)
        for row in u_rows(
            batch_size=size,
            token_budget=10_000,
            max_steps=160 // size,
            warmup_steps=16 // size,
            grad_accum_steps=size // 4,
            batch_tokens=50.5 * size,
        )
    ]
    assert [curve.label for curve in compute_lr_curves(make_results(rows), metric="eval_loss")] == [
        "batch_size 4",
        "batch_size 16",
    ]


@pytest.mark.parametrize(
    "key", ["model", "dataset", "eval_set_id", "tokenizer_id", "objective", "adapter", "max_steps"]
)
def test_what_cannot_be_compared_is_never_mixed(key: str) -> None:
    rows = [{**row, key: value} for value in ("1", "2") for row in u_rows()]
    curves = compute_lr_curves(make_results(rows), metric="eval_loss", group_by=["batch_size"])
    assert [dict(curve.group) for curve in curves] == [{"batch_size": 8, key: "1"}, {"batch_size": 8, key: "2"}]


def test_folding_a_hyperparameter_is_said() -> None:
    rows = [*u_rows(batch_size=4), *u_rows(batch_size=16)]
    (curve,) = compute_lr_curves(make_results(rows), metric="eval_loss", group_by=["lora_rank"])
    assert [point.n for point in curve.points] == [2] * 7
    assert "mixes several values of batch_size (4, 16)" in curve.warnings[-1]


def test_any_configuration_key_can_group() -> None:
    rows = [
        *u_rows(config_json=json.dumps({"adam": {"beta2": 0.95}})),
        *u_rows(config_json=json.dumps({"adam": {"beta2": 0.999}})),
    ]
    for group_by in (None, ["adam.beta2"]):
        curves = compute_lr_curves(make_results(rows), metric="eval_loss", group_by=group_by)
        assert [curve.label for curve in curves] == ["adam.beta2 0.95", "adam.beta2 0.999"]


def test_a_key_that_names_the_run_or_follows_the_learning_rate_makes_no_curves() -> None:
    rows = u_rows(seeds=2)
    for index, row in enumerate(rows):
        names = {
            "output_dir": f"out/{index}",
            "min_lr": float(str(row["learning_rate"])) / 10,
            "data_seed": row["seed"],
        }
        row["config_json"] = json.dumps(names)
    assert [curve.label for curve in compute_lr_curves(make_results(rows), metric="eval_loss")] == ["all runs"]


def test_a_hyperparameter_that_moves_with_the_learning_rate_is_named() -> None:
    rows = [{**row, "weight_decay": 1e-3 / float(str(row["learning_rate"]))} for row in u_rows()]
    curve = one_curve(rows)
    assert len(curve.points) == 7
    assert "weight_decay" in curve.warnings[-1]


@pytest.mark.parametrize(
    ("group_by", "message"),
    [(["learning_rate"], "their x axis"), (["batchsize"], "no configuration key 'batchsize'.*batch_size, ")],
)
def test_a_wrong_group_key_is_explained(group_by: list[str], message: str) -> None:
    with pytest.raises(FilterError, match=message):
        compute_lr_curves(make_results(u_rows()), metric="eval_loss", group_by=group_by)


def test_a_lopsided_valley_of_one_seed_is_followed() -> None:
    """A real sweep of one seed (SmolLM2-135M, batch 4): gentle left, cliff right; a parabola's vertex was 1.2e-3."""
    rates = [2.0e-4, 5.02e-4, 1.26e-3, 3.17e-3, 7.96e-3, 2.0e-2]
    curve = one_curve(losses(rates, [2.8621, 2.7591, 2.7138, 2.7005, 2.9081, 6.6792]))
    assert curve.fit is not None
    assert curve.fit.form == "linex"
    assert curve.optimum_lr is not None
    assert 1.26e-3 < curve.optimum_lr < 3.17e-3


def test_a_fit_that_misses_the_shape_is_not_believed() -> None:
    curve = one_curve(losses([1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3], [2.3, 2.2, 2.21, 2.19, 2.6]))
    assert curve.optimum_lr is not None
    assert curve.argmin_lr == 8e-4
    assert 4e-4 <= curve.optimum_lr <= 1.6e-3


def test_a_soft_edge_is_none_where_both_tests_confirm_the_u() -> None:
    rates = [1e-4 * 2**index for index in range(7)]
    means = [2.20, 2.08, 2.02, 2.00, 2.005, 2.02, 2.04]
    shifts = [-0.0235, 0.0, 0.0235]
    rows = [
        {"learning_rate": rate, "seed": None, "value": mean + shift}
        for rate, mean in zip(rates, means, strict=True)
        for shift in shifts
    ]
    curve = one_curve(rows)
    usable = usable_points(curve.points)
    alone = classify_edge(curve.points, usable, np.array(means), curve.noise, is_flat=False)

    assert curve.u_test is not None
    assert (alone, curve.u_test.is_confirmed) == ("soft", True)
    assert (curve.edge, curve.shape) == ("none", "u")
