import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError
from runner.spec.plan import Plan, SequenceStats, count_steps, make_plan
from tests.runner.spec.specs import small_dataset, spec_with_axes

STATS = SequenceStats(n_train=1000, n_evaluated=50, mean_tokens=80.0, mean_trained_tokens=12.0)


def plan_of(axes: str, rest: str, *, stats: SequenceStats = STATS, tokens_per_s: float | None = None) -> Plan:
    trials = spec_with_axes(axes, rest).trials(small_dataset())
    return make_plan("tiny", trials, lambda _trial: stats, tokens_per_s=tokens_per_s)


@pytest.mark.parametrize(
    ("budget", "batch_size", "n_steps"),
    [
        ("{steps: 30}", 4, 30),
        ("{epochs: 1}", 4, 250),
        ("{epochs: 1}", 3, 334),
        ("{epochs: 0.3}", 100, 3),
        ("{epochs: 0.0001}", 4, 1),
        ("{tokens: 4800}", 4, 100),
        ("{tokens: 4800}", 16, 25),
        ("{tokens: 4801}", 4, 101),
        ("{tokens: 1}", 16, 1),
    ],
)
def test_steps_follow_from_the_budget(budget: str, batch_size: int, n_steps: int) -> None:
    plan = plan_of(f"learning_rate: [1e-4]\nbatch_size: [{batch_size}]", f"budget: {budget}")
    assert plan.trials[0].n_steps == n_steps


def test_several_batch_sizes_at_a_token_budget_are_explained_in_words() -> None:
    plan = plan_of("learning_rate: [1e-4, 1e-3]\nbatch_size: [4, 16]", "budget: {tokens: 4800}")
    assert plan.notes == (
        "Every trial gets 4,800 trained tokens, so larger batches take fewer steps "
        "(batch size 4: 100 steps, batch size 16: 25 steps).",
    )
    assert len({one.trained_tokens for one in plan.trials}) == 1


def test_equal_step_counts_need_no_words() -> None:
    assert plan_of("learning_rate: [1e-4]\nbatch_size: [4, 16]", "budget: {steps: 30}").notes == ()


def test_epochs_at_several_batch_sizes_are_explained_too() -> None:
    [note] = plan_of("learning_rate: [1e-4]\nbatch_size: [4, 16]", "budget: {epochs: 2}").notes
    assert note.startswith("Every trial gets 2 epochs, so larger batches take fewer steps")


def test_short_runs_and_repeated_data_are_warned_about() -> None:
    notes = plan_of("learning_rate: [1e-4]\nbatch_size: [500]", "budget: {steps: 9}").notes
    assert notes == (
        "1 of 1 runs take fewer than 10 steps; a larger budget says more.",
        "The budget passes over the training examples up to 4.5 times.",
    )


def test_totals_cost_and_time() -> None:
    plan = plan_of(
        "learning_rate: [1e-4, 1e-3]", "budget: {steps: 10}\nseeds: 2\nevaluation: {every: 5}", tokens_per_s=100.0
    )
    assert (len(plan.trials), plan.n_configurations) == (4, 2)
    assert plan.trained_tokens == 4 * 10 * 8 * 12
    assert plan.processed_tokens == 4 * 10 * 8 * 80
    assert plan.evaluated_tokens == 4 * 3 * 50 * 80
    assert plan.expected_s == pytest.approx((plan.processed_tokens + plan.evaluated_tokens / 3) / 100)
    assert plan_of("learning_rate: [1e-4]", "budget: {steps: 10}").expected_s is None


def test_the_plan_is_json() -> None:
    plan = plan_of("learning_rate: [1e-4, 1e-3]", "budget: {tokens: 4800}")
    document = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert document["n_runs"] == 2
    assert document["runs"][0]["run_id"] == plan.trials[0].trial.run_id
    assert document["runs"][0]["n_steps"] == 50
    assert document["expected_s"] is None


def test_a_token_budget_without_trained_tokens_says_what_to_change() -> None:
    empty = SequenceStats(n_train=10, n_evaluated=5, mean_tokens=8.0, mean_trained_tokens=0.0)
    with pytest.raises(
        ConfigError, match=r"no token .* max_length 512 and loss_on 'response'; raise training\.max_length"
    ):
        plan_of("learning_rate: [1e-4]", "budget: {tokens: 100}", stats=empty)


def test_statistics_are_asked_for_per_trial() -> None:
    trials = spec_with_axes("learning_rate: [1e-4]\nmax_length: [64, 128]", "budget: {tokens: 960}").trials(
        small_dataset()
    )
    by_length = {64: 6.0, 128: 12.0}
    plan = make_plan("tiny", trials, lambda trial: SequenceStats(
        n_train=10, n_evaluated=5, mean_tokens=40.0, mean_trained_tokens=by_length[trial.max_length]))  # fmt: skip
    assert [one.n_steps for one in plan.trials] == [20, 10]


@given(st.integers(1, 10**6), st.integers(1, 512), st.floats(0.5, 500))
def test_a_token_budget_is_met_and_by_less_than_one_step(tokens: int, batch_size: int, mean: float) -> None:
    axes = f"learning_rate: [1e-4]\nbatch_size: [{batch_size}]"
    [trial] = spec_with_axes(axes, f"budget: {{tokens: {tokens}}}").trials(small_dataset())
    stats = SequenceStats(n_train=100, n_evaluated=5, mean_tokens=mean, mean_trained_tokens=mean)
    n_steps = count_steps(trial, stats)
    per_step = batch_size * mean
    assert n_steps * per_step >= tokens - 1e-5 * per_step
    assert n_steps == 1 or (n_steps - 1) * per_step < tokens
    assert abs(n_steps - max(1, math.ceil(tokens / per_step))) <= 1
