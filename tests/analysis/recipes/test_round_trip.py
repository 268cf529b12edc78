"""A run's recipe as a sweep file is read back as the same trial."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.recipes.from_run import recipe_of_run
from analysis.recipes.render import render_recipe
from runner.data.dataset import Dataset
from runner.errors import ConfigError
from runner.spec.load import load_sweep_spec, parse_sweep_spec
from runner.spec.trial import Trial
from tests.analysis.recipes.runs import HOSTILE, LOCAL_CHANGES, local_config, local_row


def _trial(text: str, digest: str) -> Trial:
    spec = parse_sweep_spec(text, file="recipe.yaml")
    dataset = cast(Dataset, SimpleNamespace(name=spec.dataset.name, digest=digest))
    (trial,) = spec.trials(dataset)
    return trial


@settings(max_examples=60, deadline=None)
@given(changes=LOCAL_CHANGES, seed=st.integers(0, 2**31 - 1))
def test_a_run_of_ucurve_comes_back_as_the_same_trial(changes: dict[str, Any], seed: int) -> None:
    row = local_row(seed=seed, **changes)
    trial = _trial(render_recipe(recipe_of_run(row), "ucurve").text, "0123456789abcdef")
    config = local_config(**changes)
    assert dict(trial.config) == config
    assert (trial.trial_key, trial.seed, trial.run_id) == (row["trial_key"], seed, row["run_id"])


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_a_name_is_read_back_or_refused_in_a_sentence(text: str) -> None:
    row = local_row(model=text, dataset=text, model_revision=None)
    written = render_recipe(recipe_of_run(row), "ucurve").text
    if text.isprintable() and "/" not in text:
        spec = parse_sweep_spec(written)
        assert (spec.model.id, spec.dataset.name, spec.training.learning_rate) == (text, text, 3.3e-4)
        return
    with contextlib.suppress(ConfigError):
        assert parse_sweep_spec(written).training.learning_rate == 3.3e-4


def test_a_local_model_comes_back_with_its_name_and_a_note_of_its_digest(tmp_path: Path) -> None:
    row = local_row(model="my-model", model_digest="feedc0de", model_revision=None)
    text = render_recipe(recipe_of_run(row), "ucurve").text
    file = tmp_path / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    spec = load_sweep_spec(file)
    assert spec.model.name == "my-model"
    assert spec.model.id == str(tmp_path / "my-model")
    assert "feedc0de" in text
