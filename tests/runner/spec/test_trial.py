import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.spec import Trial
from tests.runner.spec.specs import small_dataset, spec_of, spec_with_axes


def first_trial(rest: str = "") -> Trial:
    return spec_of(rest).trials(small_dataset())[0]


@pytest.mark.parametrize(
    ("evaluation", "n_steps", "expected"),
    [
        ("{every: 0.25}", 100, (0, 25, 50, 75, 100)),
        ("{every: 0.25, at_start: false}", 100, (25, 50, 75, 100)),
        ("{every: 30}", 100, (0, 30, 60, 90, 100)),
        ("{every: null}", 100, (0, 100)),
        ("{every: null, at_start: false}", 100, (100,)),
        ("{every: 0.01}", 5, (0, 1, 2, 3, 4, 5)),
        ("{every: 500}", 3, (0, 3)),
    ],
)
def test_evaluation_steps(evaluation: str, n_steps: int, expected: tuple[int, ...]) -> None:
    assert first_trial(f"evaluation: {evaluation}").evaluation_steps(n_steps) == expected


@given(st.floats(1e-3, 50), st.integers(1, 300), st.booleans())
def test_evaluation_always_ends_at_the_end(every: float, n_steps: int, at_start: bool) -> None:
    every = every if every < 1 else float(int(every))
    steps = first_trial(f"evaluation: {{every: {every!r}, at_start: {str(at_start).lower()}}}").evaluation_steps(
        n_steps
    )
    assert steps[-1] == n_steps
    assert list(steps) == sorted(set(steps))
    assert (steps[0] == 0) == at_start


@pytest.mark.parametrize(
    ("training", "n_steps", "expected"),
    [
        ("{}", 100, 5),
        ("{warmup_ratio: 0.1}", 100, 10),
        ("{warmup_steps: 7}", 100, 7),
        ("{warmup_steps: 7}", 3, 3),
        ("{warmup_ratio: 0}", 9, 0),
    ],
)
def test_warmup_steps(training: str, n_steps: int, expected: int) -> None:
    assert first_trial(f"training: {training}").n_warmup_steps(n_steps) == expected


def test_the_configuration_is_json_and_uses_the_names_of_the_store() -> None:
    from analysis.store.schema import RUNS

    [trial] = spec_with_axes("learning_rate: [1e-4]").trials(small_dataset())
    columns = {column.name for column in RUNS}
    expected = {"model", "dataset", "objective", "adapter", "optimizer", "learning_rate", "lr_schedule", "warmup_steps"}
    expected |= {"batch_size", "lora_rank", "lora_alpha", "lora_dropout", "target_modules", "weight_decay"}
    expected |= {"clip_kind", "clip_value", "max_steps", "epochs", "token_budget"}
    assert expected == set(trial.config) & columns
    assert "seed" not in trial.config
