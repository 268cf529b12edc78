import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.recommendation.recommended_lr import recommend_lr
from runner.data import Dataset
from runner.errors import ConfigError
from runner.spec import ModelFacts, Trial, make_trials, parse_sweep_spec
from runner.spec.axes import AxisSection, spaced_values, values_around
from runner.spec.grid import middle_outwards
from tests.runner.spec.specs import SMALLEST, small_dataset, spec_of, spec_with_axes


def trials_of(axes: str, rest: str = "", dataset: Dataset | None = None) -> list[Trial]:
    return spec_with_axes(axes, rest).trials(dataset or small_dataset())


def test_first_seeds_first_then_learning_rates_from_the_middle_then_other_axes() -> None:
    trials = trials_of("batch_size: [4, 16]\nlearning_rate: [1e-4, 1e-3, 1e-2, 1e-1]", "seeds: [5, 7]")
    order = [(trial.seed, trial.learning_rate, trial.batch_size) for trial in trials]
    assert order == list(itertools.product([5, 7], [1e-3, 1e-4, 1e-2, 1e-1], [4, 16]))


def test_replicates_share_a_key_and_differ_in_the_run_id() -> None:
    first, second = trials_of("learning_rate: [1e-4]", "seeds: 2")
    assert first.trial_key == second.trial_key
    assert (first.run_id, second.run_id) == (f"{first.trial_key[:12]}-s0", f"{first.trial_key[:12]}-s1")


@pytest.mark.parametrize(
    "change",
    ["name: other", "pack: 2", "micro_batch_tokens: 512", "save_adapters: false", "seeds: [0]", "combine: grid"],
)
def test_what_does_not_change_the_result_does_not_change_the_key(change: str) -> None:
    base = SMALLEST.replace("name: tiny\n", "")
    [before, *_] = spec_of(base="name: tiny\n" + base).trials(small_dataset())
    head = "" if change.startswith("name") else "name: tiny\n"
    [after, *_] = parse_sweep_spec(head + base + change, file="tiny.yaml").trials(small_dataset())
    assert after.run_id == before.run_id


CHANGES = {
    "learning_rate": "2e-4", "batch_size": "4", "lora_rank": "4", "lora_alpha": "16", "lora_dropout": "0.1",
    "target_modules": "attention", "schedule": "cosine", "warmup_steps": "3", "warmup_ratio": "0.2",
    "weight_decay": "0.1", "adam_beta1": "0.8", "adam_beta2": "0.95", "adam_eps": "1e-6", "clip_norm": "null",
    "max_length": "64", "precision": "float32", "loss_on": "all",
}  # fmt: skip


def one_key(text: str, dataset: Dataset | None = None, facts: ModelFacts | None = None) -> str:
    head = "name: tiny\nmodel: {model}\ndataset: skills\n"
    model = "smollm2-360m" if "smollm2-360m" in text else "smollm2-135m"
    body = text.replace("smollm2-360m", "")
    body = body if "learning_rate" in body else body + "\ntraining: {learning_rate: 1e-4}"
    body = body if "budget" in body else body + "\nbudget: {steps: 10}"
    [trial] = parse_sweep_spec(head.format(model=model) + body, file="tiny.yaml").trials(
        dataset or small_dataset(), facts
    )
    return trial.trial_key


def test_everything_that_changes_the_result_changes_the_key() -> None:
    assert set(CHANGES) == set(trials_of("learning_rate: [1e-4]")[0].__dataclass_fields__) & set(CHANGES)
    keys = [one_key("")]
    for name, value in CHANGES.items():
        rate = "" if name == "learning_rate" else "learning_rate: 1e-4, "
        keys.append(one_key(f"training: {{{rate}{name}: {value}}}"))
    keys += [one_key(f"budget: {{{budget}}}") for budget in ("steps: 11", "epochs: 10", "tokens: 10")]
    keys += [
        one_key(f"evaluation: {{{one}}}") for one in ("every: 3", "every: null", "max_examples: 7", "at_start: false")
    ]
    keys += [one_key("smollm2-360m"), one_key("", small_dataset(21)), one_key("", small_dataset(20, "no"))]
    keys.append(one_key("", facts=ModelFacts(digest="abc")))
    assert len(set(keys)) == len(keys)


def test_every_hyperparameter_has_a_changed_value_above() -> None:
    from runner.spec.training import HYPERPARAMETERS

    assert set(CHANGES) == set(HYPERPARAMETERS)


def test_the_same_numbers_written_differently_are_the_same_trial() -> None:
    assert one_key("training: {learning_rate: 1e-4, lora_alpha: 32}") == one_key(
        "training: {learning_rate: 0.0001, lora_alpha: 3.2e1}"
    )
    assert one_key("training: {learning_rate: 1e-4, target_modules: [v_proj, o_proj, q_proj, k_proj]}") == one_key(
        "training: {learning_rate: 1e-4, target_modules: attention}"
    )


def test_a_model_folder_is_known_by_its_digest_not_its_place() -> None:
    keys = []
    for folder in ("./weights", "/somewhere/else/weights"):
        text = SMALLEST.replace("smollm2-135m", folder)
        keys.append(
            parse_sweep_spec(text, file="tiny.yaml").trials(small_dataset(), ModelFacts(digest="d"))[0].trial_key
        )
    assert keys[0] == keys[1]


def test_an_axis_wins_over_the_training_section() -> None:
    trials = trials_of(
        "learning_rate: [1e-4]\nwarmup_steps: [0, 5]", "training: {learning_rate: 3e-3, warmup_ratio: 0.5}"
    )
    assert [(trial.learning_rate, trial.warmup_steps, trial.warmup_ratio) for trial in trials] == [
        (1e-4, 0, None),
        (1e-4, 5, None),
    ]


def test_layers_and_clipping_can_be_axes() -> None:
    trials = trials_of("learning_rate: [1e-4]\ntarget_modules: [mlp, [q_proj]]\nclip_norm: [1, null]")
    assert [trial.target_modules for trial in trials[::2]] == [("down_proj", "gate_proj", "up_proj"), ("q_proj",)]
    assert [(trial.clip_norm, trial.config["clip_kind"]) for trial in trials[:2]] == [(1.0, "norm"), (None, None)]


def test_around_recommended_is_centred_and_rounded() -> None:
    rates = sorted(trial.learning_rate for trial in trials_of("learning_rate: {around: recommended, points: 3}"))
    centre = recommend_lr("smollm2-135m").learning_rate
    assert centre is not None
    assert rates == pytest.approx([centre / 10, centre, centre * 10], rel=5e-3)
    assert rates[1] == float(f"{centre:.3g}")
    assert len(trials_of("learning_rate: {around: recommended}")) == 7


def test_around_recommended_cannot_reach_absurd_rates() -> None:
    with pytest.raises(ConfigError, match=r"tiny: axes\.learning_rate: reaches 1320, more than 1; lower decades"):
        trials_of("learning_rate: {around: recommended, decades: 6}")


def test_another_family_needs_explicit_bounds() -> None:
    spec = parse_sweep_spec(
        SMALLEST.replace("smollm2-135m", "openai-community/gpt2").replace(
            "[1e-4, 1e-3, 1e-2]", "{around: recommended}"
        ),
        file="tiny.yaml",
    )
    with pytest.raises(
        ConfigError, match=r"no recommended learning rate for 'openai-community/gpt2'.*\{log: \[1e-5, 1e-2\]"
    ):
        spec.trials(small_dataset())


def test_what_is_known_of_a_local_model_gives_it_a_recommendation() -> None:
    text = SMALLEST.replace("smollm2-135m", "me/my-llama").replace(
        "[1e-4, 1e-3, 1e-2]", "{around: recommended, points: 3}"
    )
    spec = parse_sweep_spec(text, file="tiny.yaml")
    facts = ModelFacts(hidden_size=4096, model_type="llama")
    expected = recommend_lr("me/my-llama", hidden_size=4096, model_type="llama").learning_rate
    assert make_trials(spec, small_dataset(), facts)[0].learning_rate == pytest.approx(expected, rel=5e-3)


def test_a_grid_without_end_is_refused() -> None:
    axes = "\n".join(f"{name}: {{linear: [1, 200], points: 100}}" for name in ("batch_size", "lora_rank", "max_length"))
    with pytest.raises(ConfigError, match=r"at least 8"):
        spec_with_axes(axes)
    spec = spec_with_axes(axes.replace("max_length", "lora_alpha"), "training: {learning_rate: 1e-3}")
    with pytest.raises(ConfigError, match=r"tiny: the grid has 1000000 runs, more than 10000; shorten an axis"):
        spec.trials(small_dataset())


def test_whole_settings_get_whole_values() -> None:
    trials = trials_of("learning_rate: [1e-4]\nlora_rank: {log: [8, 64], points: 4}")
    assert [trial.lora_rank for trial in trials] == [8, 16, 32, 64]
    narrow = spaced_values(AxisSection(log=(1, 4), points=10), whole=True)
    assert narrow == (1, 2, 3, 4)


@given(st.lists(st.integers(), unique=True))
def test_middle_outwards_keeps_every_value_once(values: list[int]) -> None:
    ordered = middle_outwards(values)
    assert sorted(ordered) == sorted(values)
    if values:
        assert ordered[0] == values[(len(values) - 1) // 2]


@given(st.floats(1e-7, 1e-2), st.floats(1.5, 1e4), st.integers(2, 12))
def test_log_values_rise_stay_in_range_and_keep_their_ratio(low: float, ratio: float, n_points: int) -> None:
    values = spaced_values(AxisSection(log=(low, low * ratio), points=n_points), whole=False)
    assert list(values) == sorted(set(values))
    assert values[0] == pytest.approx(low, rel=5e-3)
    assert values[-1] == pytest.approx(low * ratio, rel=5e-3)
    assert all(value == float(f"{value:.3g}") for value in values)


@given(st.floats(1e-5, 1e-1), st.floats(0.1, 3), st.integers(2, 12))
def test_values_around_are_symmetric(centre: float, decades: float, n_points: int) -> None:
    values = values_around(centre, decades, n_points)
    for low, high in zip(values, reversed(values), strict=True):
        assert low * high == pytest.approx(centre**2, rel=2e-2)
