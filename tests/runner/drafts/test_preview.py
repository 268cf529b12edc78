from __future__ import annotations

import pytest

from runner.drafts.preview import learning_rates, preview_runs, recommended_rate
from runner.drafts.templates import read_templates
from runner.queue.order import count_runs
from runner.spec.load import parse_sweep_spec

TEXT = "name: a\nmodel: {model}\ndataset: skills\naxes: {axes}\nseeds: 2\nbudget: {{steps: 3}}\n"


@pytest.mark.parametrize("text", [template.text for template in read_templates()])
def test_a_preview_has_as_many_runs_as_the_sweep(text: str) -> None:
    spec = parse_sweep_spec(text)
    assert len(preview_runs(spec)) == count_runs(spec)


def test_every_axis_and_seed_is_in_it() -> None:
    spec = parse_sweep_spec(TEXT.format(model="m", axes="{learning_rate: [1e-3, 1e-2], lora_rank: [4, 8]}"))
    runs = preview_runs(spec)
    assert {run.learning_rate for run in runs} == {1e-3, 1e-2}
    assert {(run.settings["lora_rank"], run.settings["seed"]) for run in runs} == {(4, 0), (4, 1), (8, 0), (8, 1)}


def test_an_unknown_model_has_no_recommended_rates() -> None:
    assert recommended_rate("nobody/knows-this") is None
    assert learning_rates(parse_sweep_spec(TEXT.format(model="m", axes="{learning_rate: {around: recommended}}"))) == ()


def test_a_rate_that_is_no_axis_is_taken_from_the_training() -> None:
    spec = parse_sweep_spec(TEXT.format(model="m", axes="{lora_rank: [4]}") + "training: {learning_rate: 1e-3}\n")
    assert learning_rates(spec) == (1e-3,)
