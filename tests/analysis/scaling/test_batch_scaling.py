from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import FilterError
from analysis.scaling import collapse
from analysis.scaling.axis import read_batch_axis
from analysis.scaling.batch_scaling import BatchScaling, compute_batch_scaling
from analysis.scaling.points import read_points
from analysis.scaling.power_law import fit_power_law, slope_points
from analysis.scaling.types import OptimumPoint
from tests.analysis.scaling.laws import BATCHES, TOKENS, hinged, make_sweep, power, stack
from tests.analysis.sweeps import make_results, messy_tables
from tests.shared_data import table_path

# Every example is a whole analysis; the repeatable profile's hundred would take too long.
_FEW_RESAMPLES = 40
few = settings(max_examples=max(settings().max_examples // 20, 5))
SMALL = make_sweep(ranks=(4, 8), batches=(8, 16, 32, 64), seeds=1)


@pytest.fixture(autouse=True, scope="module")
def _few_resamples() -> Iterator[None]:
    """The interval of the collapse costs most of the time; its own tests take it in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collapse, "_N_RESAMPLES", _FEW_RESAMPLES)
        yield


def _scale(results: pd.DataFrame, **options: str | list[str]) -> BatchScaling:
    return compute_batch_scaling(results, metric="eval_loss", **options)  # type: ignore[arg-type]


@cache
def _small() -> BatchScaling:
    return _scale(SMALL)


def test_the_square_root_rule_is_found_in_runs() -> None:
    found = _scale(make_sweep(ranks=(4, 8, 16, 32)))
    assert found.law.interval is not None
    assert found.law.interval[0] <= 0.5 <= found.law.interval[1]
    assert found.law.n_points == 20
    assert found.left_out == ()
    assert found.held_fixed == "tokens"
    assert [one.label for one in found.settings] == ["lora_rank 4", "lora_rank 8", "lora_rank 16", "lora_rank 32"]
    assert "the square-root rule holds within 0.1" in found.verdict
    assert "no scaling and linear scaling are ruled out" in found.verdict
    assert "sequences per step. Trained tokens were held fixed" in found.verdict


def test_a_law_that_goes_flat_is_said_so() -> None:
    found = _scale(make_sweep(law=hinged(0.7, 0.0, 32), batches=(8, 16, 32, 64, 128, 256), ranks=(4, 8, 16, 32)))
    assert found.hinge.is_better
    assert found.hinge.interval_below is not None
    assert found.hinge.interval_above is not None
    assert found.hinge.interval_below[0] <= 0.7 <= found.hinge.interval_below[1]
    assert found.hinge.interval_above[0] <= 0.0 <= found.hinge.interval_above[1]
    assert found.headline.startswith("One power law does not fit: 0.")
    assert "flat above" in found.headline


@pytest.mark.slow
def test_exponents_from_runs_are_unbiased_and_their_intervals_hold() -> None:
    sweeps = [make_sweep(seed=seed, batches=(8, 16, 32, 64), ranks=(4, 8, 16), seeds=1) for seed in range(60)]
    laws = [fit_power_law(slope_points(_read(results))) for results in sweeps]
    assert np.mean([law.alpha for law in laws]) == pytest.approx(0.5, abs=0.01)
    inside = [law.interval is not None and law.interval[0] <= 0.5 <= law.interval[1] for law in laws]
    assert np.mean(inside) >= 0.87  # 60 draws at 95 % go below in one case of a hundred


def _read(results: pd.DataFrame) -> tuple[OptimumPoint, ...]:
    return read_points(
        results,
        metric="eval_loss",
        direction="min",
        make_axis=lambda columns: read_batch_axis(columns, "batch_size"),
        setting=None,
        by_budget=True,
    ).points


def test_optima_at_the_edge_are_left_out_and_counted() -> None:
    # The highest learning rate lies below the optimum of the two largest batches.
    grid = [1e-5 * 2.0**step for step in range(6)]
    found = _scale(make_sweep(law=power(1.0), ranks=(4, 8, 16), batches=(8, 16, 32, 64, 128), grid=grid, sd=0.001))
    edge = [one for one in found.left_out if one.bound == "at_least"]
    assert {64, 128} <= {one.x for one in edge} <= {32, 64, 128}
    # The best of a grid is the nearest point: the optimum may lie half a step inside the edge.
    assert all(one.bound_lr == pytest.approx(3.2e-4 / math.sqrt(2)) for one in edge)
    assert all(one.reason == "the best learning rate is the highest one tried" for one in edge)
    assert found.to_json()["n_left_out"] == len(found.left_out) == 15 - found.law.n_points
    assert any("left out" in warning for warning in found.warnings)
    assert any("agree with the fitted line" in warning for warning in found.warnings)


def test_bounds_that_contradict_the_law_are_said() -> None:
    flat = make_sweep(law=power(0.0), batches=(8, 16, 32), ranks=(4, 8, 16))
    higher = make_sweep(law=power(2.5), batches=(128,), ranks=(4, 8, 16))
    found = _scale(stack(flat, higher))
    assert any("3 of 3 left-out edge optima lie beyond the fitted line" in warning for warning in found.warnings)


def test_settings_asked_for_are_the_settings() -> None:
    found = _scale(SMALL, setting=["lora_rank"])
    assert [dict(one.setting) for one in found.settings] == [{"lora_rank": 4}, {"lora_rank": 8}]
    mixed = _scale(SMALL, setting=[])
    assert [dict(one.setting) for one in mixed.settings] == [{}]
    assert any("several values of lora_rank" in warning for warning in mixed.warnings)


def test_a_setting_cannot_be_the_axis_or_unknown() -> None:
    with pytest.raises(FilterError, match="'batch_size' is the axis"):
        _scale(SMALL, setting=["batch_size"])
    with pytest.raises(FilterError, match="no configuration key 'rank'"):
        _scale(SMALL, setting=["rank"])
    with pytest.raises(FilterError, match="can be batch_size or batch_tokens"):
        _scale(SMALL, batch_axis="steps")


@pytest.mark.parametrize(
    ("steps", "tokens", "epochs", "held"),
    [(None, 10**6, None, "tokens"), (500, None, None, "steps"), (None, None, 2.0, "epochs"), (None, None, None, None)],
)
def test_what_was_held_fixed_is_read_from_the_runs(
    steps: int | None, tokens: int | None, epochs: float | None, held: str | None
) -> None:
    found = _scale(SMALL.assign(max_steps=steps, token_budget=tokens, epochs=epochs))
    assert found.held_fixed == held
    assert found.law.n_points == 8
    said = {"tokens": "Trained tokens", "steps": "Steps were", "epochs": "Epochs were", None: "Nothing in the runs"}
    assert said[held] in found.verdict


def test_settings_that_do_not_say_what_they_held_fixed_are_pooled_and_said() -> None:
    found = _scale(SMALL.assign(max_steps=SMALL["max_steps"].where(SMALL["lora_rank"] == 4)))
    assert found.held_fixed is None
    assert found.law.n_points == 8
    assert found.context.endswith("a larger batch took fewer steps. Not every setting says so.")


def test_tokens_fixed_by_rounded_steps_are_recognised() -> None:
    found = _scale(make_sweep(ranks=(8,), batches=(8, 24, 100), seeds=1, steps=lambda batch: math.ceil(TOKENS / batch)))
    assert found.held_fixed == "tokens"
    assert [one.label for one in found.settings] == ["all runs"]


def test_two_token_budgets_are_two_settings() -> None:
    double = make_sweep(ranks=(8,), batches=(8, 16, 32, 64), seeds=1, steps=lambda batch: 2 * TOKENS // batch)
    single = make_sweep(ranks=(8,), batches=(8, 16, 32, 64), seeds=1)
    found = _scale(stack(single, double))
    assert [dict(one.setting) for one in found.settings] == [
        {"max_steps x batch": TOKENS if TOKENS < 1000 else float(f"{TOKENS:.3g}")},
        {"max_steps x batch": float(f"{2 * TOKENS:.3g}")},
    ]
    assert found.held_fixed == "tokens"


def test_fixed_tokens_and_fixed_steps_are_not_pooled() -> None:
    tokens = make_sweep(ranks=(4,), batches=(8, 16, 32, 64), seeds=1)
    steps = make_sweep(ranks=(8,), batches=(8, 16, 32, 64), seeds=1, steps=lambda _: 300)
    found = _scale(stack(tokens, steps))
    assert [one.held for one in found.settings] == ["tokens", "steps"]
    assert found.law.alpha is None
    assert found.headline.startswith("Settings differ in what they hold fixed")
    assert all(one.law.alpha is not None for one in found.settings)


def test_what_changes_with_the_batch_is_said() -> None:
    found = _scale(SMALL.assign(weight_decay=SMALL["batch_size"] / 1000))
    assert [one.label for one in found.settings] == ["lora_rank 4", "lora_rank 8"]
    assert any(warning.startswith("weight_decay changes together with batch_size") for warning in found.warnings)


def test_data_sets_are_never_one_setting() -> None:
    found = _scale(SMALL.assign(dataset=np.where(SMALL["batch_size"] > 16, "b", "a")))
    assert {one.setting["dataset"] for one in found.settings} == {"a", "b"}


def test_tokens_per_step_are_averaged_over_the_runs_of_a_batch_size() -> None:
    tokens = SMALL["batch_size"] * 80.0 + np.linspace(-1, 1, len(SMALL))
    found = _scale(SMALL.assign(batch_tokens=tokens), batch_axis="batch_tokens")
    assert found.law.n_points == 8
    assert found.settings[0].points[0].x == pytest.approx(640, rel=0.01)
    assert found.law.alpha == pytest.approx(_scale(SMALL).law.alpha, abs=0.01)
    assert "Batch is counted in trained tokens per step." in found.verdict


def test_nothing_to_say_is_said() -> None:
    one_batch = _scale(make_sweep(batches=(8,), seeds=1))
    assert one_batch.headline == "There is one batch size only, so nothing can be said about scaling."
    assert one_batch.law.alpha is None
    empty = _scale(make_results([]))
    assert empty.headline == "No finished run has both a learning rate and a batch size."
    diverged = _scale(SMALL.assign(status="diverged", value=math.nan))
    assert diverged.headline == "Too few batch sizes inside the grid to say."
    assert all(one.reason == "every run diverged" for one in diverged.left_out)
    without = _scale(SMALL.assign(batch_size=None))
    assert without.warnings == (f"{len(SMALL)} runs have no batch_size.",)


def test_json_has_the_keys_of_the_contract_and_is_strict() -> None:
    answer = _scale(make_sweep(seeds=1)).to_json()
    json.dumps(answer, allow_nan=False)
    keys = {"alpha", "interval", "n_points", "n_left_out", "per_setting", "hinge", "collapse", "verdict"}
    assert keys <= set(answer)
    hinge, collapsed = answer["hinge"], answer["collapse"]
    assert isinstance(hinge, dict)
    assert isinstance(collapsed, dict)
    hinge_keys = {"break_ratio", "alpha_below", "interval_below", "alpha_above", "interval_above", "delta_aic"}
    assert hinge_keys <= set(hinge)
    assert set(collapsed["scores"]) == {"0", "0.5", "1"}
    assert collapsed["n_batch_sizes"] == len(BATCHES)


def test_public_tables_without_a_grid_of_both_give_no_exponent() -> None:
    openlm = pd.read_csv(table_path("openlm-scaling/models.csv"))
    runs = make_results(
        {"model": row["model"], "dataset": row["dataset"], "learning_rate": row["lr"], "batch_size": row["global_bs"],
         "token_budget": row["tokens"], "value": row["loss_c4_val"], "lora_rank": None}
        for row in openlm.to_dict("records")
    )  # fmt: skip
    found = _scale(runs)
    assert found.law.alpha is None
    assert found.headline == "Too few batch sizes inside the grid to say."
    assert len(found.left_out) > 50
    peft = pd.read_csv(table_path("peft-metamathqa/runs.csv"))
    runs = make_results(
        {"learning_rate": row["lr"], "batch_size": row["batch_size"], "max_steps": row["max_steps"],
         "lora_rank": row["rank"], "adapter": row["peft_type"], "value": row["final_train_loss"]}
        for row in peft.to_dict("records")
    )  # fmt: skip
    assert _scale(runs).headline == "There is one batch size only, so nothing can be said about scaling."


@few
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(random: np.random.RandomState) -> None:
    order = list(range(len(SMALL)))
    random.shuffle(order)
    before, after = _small(), _scale(SMALL.iloc[order])
    assert after.law.alpha == pytest.approx(before.law.alpha, rel=1e-9)
    assert after.law.interval == pytest.approx(before.law.interval, rel=1e-9)
    assert after.collapse.best_alpha == pytest.approx(before.collapse.best_alpha, rel=1e-6)
    assert after.verdict == before.verdict


@few
@given(st.sampled_from([1e-3, 0.37, 50.0]), st.sampled_from([1, 3, 1000]))
def test_units_of_learning_rate_and_batch_leave_the_exponent(lr_factor: float, batch_factor: int) -> None:
    scaled = SMALL.assign(
        learning_rate=SMALL["learning_rate"] * lr_factor, batch_size=SMALL["batch_size"] * batch_factor
    )
    before, after = _small(), _scale(scaled)
    assert after.law.alpha == pytest.approx(before.law.alpha, rel=1e-4)
    assert after.law.interval == pytest.approx(before.law.interval, rel=1e-3)
    assert after.collapse.best_alpha == pytest.approx(before.collapse.best_alpha, abs=1e-3)


@few
@given(
    st.sampled_from([math.nan, math.inf, -math.inf]), st.sampled_from(["running", "failed"]), st.sampled_from([8, 64])
)
def test_runs_that_are_not_finite_or_not_done_never_matter(value: float, status: str, batch: int) -> None:
    bad = SMALL.head(1).assign(run_id="bad", seed=9, value=value, status=status, batch_size=batch)
    found = _scale(pd.concat([SMALL, bad], ignore_index=True))
    assert found.to_json() == _small().to_json()


@few
@given(messy_tables())
def test_no_table_breaks_the_analysis_or_its_json(results: pd.DataFrame) -> None:
    json.dumps(_scale(results).to_json(), allow_nan=False)
