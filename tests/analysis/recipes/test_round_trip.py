"""A run's recipe as a sweep file is read back as the same trial."""

from __future__ import annotations

import contextlib
import json
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


def kept_row(data: dict[str, object], model_at: dict[str, object], **changed: Any) -> dict[str, object]:  # noqa: ANN401 - as `local_row`
    """A run that kept its sweep file, as `ucurve sweep` does."""
    told = {"precision": "bfloat16", "sweep_file": {"name": "sweep-1", "dataset": data, "model": model_at}}
    return local_row(**changed) | {"provenance_json": json.dumps(told)}


def test_what_the_run_kept_of_its_sweep_file_is_in_the_recipe_as_it_was() -> None:
    dataset = {"path": "/there/answers.jsonl", "format": "messages", "messages_column": "turns", "held_out": "/o.jsonl",
               "max_examples": 90, "revision": None}  # fmt: skip
    row = kept_row(dataset, {"id": "/there/my-model"}, dataset="answers", model="my-model", model_digest="feed",
                   model_revision=None)  # fmt: skip
    rendered = render_recipe(recipe_of_run(row), "ucurve")
    spec = parse_sweep_spec(rendered.text)
    assert spec.dataset.model_dump(mode="json", exclude_unset=True) == {key: v for key, v in dataset.items() if v}
    assert spec.model.id == "/there/my-model"
    assert "give" not in rendered.text
    assert rendered.to_json(recipe_of_run(row))["n_missing"] == 0


@pytest.mark.parametrize("name", ["trl", "axolotl", "open-instruct", "tinker-cookbook"])
def test_other_tools_get_the_places_and_are_told_what_was_held_out(name: str) -> None:
    row = kept_row({"path": "/there/a.jsonl", "held_out": 0.25}, {"id": "/there/m"}, dataset="a", model="m",
                   model_digest="feed", model_revision=None)  # fmt: skip
    text = " ".join(render_recipe(recipe_of_run(row), name).text.replace("#", " ").split())
    assert text.count("/there/a.jsonl") >= 2
    assert "/there/m" in text
    assert "give a file without the examples that it held out (0.25)" in text


@pytest.mark.parametrize("kept", [{"path": "/there/[redacted]/a.jsonl"}, {"held_out": 3}, {}, "damaged", None])
def test_a_run_that_kept_nothing_of_use_gives_a_name_to_fill_in(kept: Any) -> None:  # noqa: ANN401 - whatever it is
    row = kept_row(kept, kept, dataset="answers")
    text = render_recipe(recipe_of_run(row), "ucurve").text
    assert parse_sweep_spec(text).dataset.name == "answers"
    assert "give the path of the file" in text
