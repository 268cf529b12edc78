"""Every key of every recipe is one that the tool knows, and every setting is accounted for, whatever the run is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.recipes.formats.to_open_instruct import share_for
from analysis.recipes.formats.to_torchtune import BUILDERS
from analysis.recipes.from_run import recipe_of_run
from analysis.recipes.recipe import SETTINGS, Layout, Recipe
from analysis.recipes.render import FORMATS, render_recipe
from analysis.recipes.sheet import Line
from tests.analysis.recipes.runs import HOSTILE, LOCAL_CHANGES, imported_row, local_row

ACCEPTED = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "accepted").glob("*.json")}
FULL_ROW = imported_row(
    {"fp16": True, "beta": 0.3}, objective="dpo", adapter="full", model="m", dataset="d", max_steps=9
)
ROWS = {
    "local": local_row(),
    "steps": local_row(max_steps=40, epochs=None, clip_kind=None, clip_value=None, lr_schedule="constant"),
    "nothing": imported_row(),
    "qlora": imported_row({"train_on_prompt": True}, adapter="qlora", target_modules=["all-linear"], epochs=2.0),
    "foreign": imported_row(lr_schedule="inverse_sqrt", optimizer="adafactor", clip_kind="value", clip_value=1.0,
                            target_modules=[r".*\.q"], epochs=1.5, warmup_steps=3),
    "dpo": imported_row({"beta": 0.1}, objective="dpo", adapter="lora", epochs=1.0, dataset="d"),
    "full": FULL_ROW,
    "unmixed": imported_row({"training_args": {"bf16": False, "fp16": False}, "torch_dtype": "fp16"}),
}  # fmt: skip


def _lines(recipe: Recipe, name: str) -> tuple[Line, ...]:
    try:
        return render_recipe(recipe, name).lines
    except ConfigError:
        return ()


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_setting_is_accounted_for_and_every_key_is_known(name: str, kind: str) -> None:
    lines = _lines(recipe_of_run(ROWS[kind]), name)
    assert {line.setting for line in lines} - {None} <= set(SETTINGS)
    adapter_only = {"lora_rank", "lora_alpha", "lora_dropout", "target_modules"} if kind == "full" else set()
    if lines:
        assert set(SETTINGS) - adapter_only <= {line.setting for line in lines}
    if name in ACCEPTED:
        keys = {line.key.split(".")[0] for line in lines if line.key}
        assert keys <= set(ACCEPTED[name]["keys"])


def test_some_format_takes_each_of_these_runs() -> None:
    refused = {(kind, name) for kind, row in ROWS.items() for name in FORMATS if not _lines(recipe_of_run(row), name)}
    assert refused == {
        *(("dpo", name) for name in ("ucurve", "open-instruct", "tinker-cookbook", "torchtune")),
        *(("full", name) for name in ("ucurve", "peft", "open-instruct", "tinker-cookbook", "torchtune")),
    }


def test_the_parts_of_torchtune_take_what_they_are_given() -> None:
    assert set(BUILDERS.values()) <= set(ACCEPTED["torchtune"]["builders"])
    for kind in ("local", "steps"):
        keys = {line.key for line in _lines(recipe_of_run(ROWS[kind]), "torchtune") if line.key}
        for part in ("model", "dataset", "lr_scheduler"):
            inner = {key.split(".")[1] for key in keys if key.startswith(f"{part}.")} - {"_component_"}
            assert inner <= set(ACCEPTED["torchtune"][part])


def _values(name: str, text: str) -> dict[str, Any]:
    """What a file says: YAML, JSON, or the arguments of a command."""
    if text.lstrip().startswith("{"):
        return dict(json.loads(text))
    if name.endswith((".yaml", ".yml")):
        return dict(yaml.safe_load(text))
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    return dict(word.lstrip("-").split("=", 1) for word in words if "=" in word)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@given(changes=LOCAL_CHANGES, text=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)))
def test_no_name_changes_what_a_file_says(name: str, changes: dict[str, Any], text: str) -> None:
    """The same run with harmless names says the same, but for the names; nothing else appears."""
    plain_names = {"model": "m", "model_revision": "r", "dataset": "d"}
    hostile_names = dict.fromkeys(plain_names, text or "e")
    found = []
    for names in (plain_names, hostile_names):
        row = local_row(**{**changes, **names, "batch_size": 8}) | {"run_id": "run-1", "trial_key": "k"}
        row |= {"name": names["model"], "sweep_id": names["model"]}
        recipe = recipe_of_run(row, caveats=[f"beware of {names['model']}"])
        files = render_recipe(recipe, name).files
        values = {file: _values(file, content) for file, content in files.items() if not file.endswith(".txt")}
        found.append({file: {key: v for key, v in each.items() if not _is_name(key)} for file, each in values.items()})
        assert render_recipe(recipe, name).files == files
    assert found[0] == found[1]


def _is_name(key: str) -> bool:
    """Keys that hold names, with those of their sections."""
    return any(word in key for word in ("model", "dataset", "revision"))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_comments_stay_comments(name: str, text: str) -> None:
    row = local_row(model_digest=text or "d", dataset="x", target_modules=["q_proj", text or "m"]) | {"name": text}
    rendered = render_recipe(recipe_of_run(row | {"run_id": "run-1"}, caveats=[text]), name)
    for file, content in rendered.files.items():
        before = content.split("\n\n")[0]
        assert all(line.isprintable() for line in before.split("\n"))
        if not file.endswith((".json", ".txt")):
            assert all(line.startswith("# ") for line in before.split("\n"))


@pytest.mark.parametrize(("devices", "per_device", "split"), [(1, None, (24, 1)), (2, 3, (3, 4)), (24, 1, (1, 1))])
def test_a_batch_is_split(devices: int, per_device: int | None, split: tuple[int, int]) -> None:
    assert Layout(devices, per_device).split(24) == split


@pytest.mark.parametrize(("devices", "per_device"), [(5, None), (2, 5), (48, 1), (0, 1), (1, 0), (-1, -24)])
@pytest.mark.parametrize("name", FORMATS)
def test_a_batch_that_cannot_be_split_is_refused(name: str, devices: int, per_device: int | None) -> None:
    with pytest.raises(ConfigError, match="24 sequences cannot be split"):
        render_recipe(recipe_of_run(local_row()), name, Layout(devices, per_device))


@settings(max_examples=40, deadline=None)
@given(changes=LOCAL_CHANGES, devices=st.integers(1, 8), per_device=st.integers(1, 8), steps=st.integers(1, 64))
def test_numbers_are_the_same_to_the_last_digit(
    changes: dict[str, Any], devices: int, per_device: int, steps: int
) -> None:
    row = local_row(**{**changes, "batch_size": devices * per_device * steps})
    recipe = recipe_of_run(row)
    written = yaml.safe_load(render_recipe(recipe, "trl", Layout(devices, per_device)).text)
    assert (
        written["per_device_train_batch_size"] * written["gradient_accumulation_steps"] * devices == row["batch_size"]
    )
    for key, value in {
        "learning_rate": recipe.learning_rate, "lora_r": recipe.lora_rank, "lora_alpha": recipe.lora_alpha,
        "lora_dropout": recipe.lora_dropout, "adam_beta1": recipe.adam_beta1, "adam_beta2": recipe.adam_beta2,
        "adam_epsilon": recipe.adam_eps, "weight_decay": recipe.weight_decay, "max_length": recipe.max_length,
        "max_grad_norm": recipe.clip_norm if recipe.clips else 0.0,
    }.items():  # fmt: skip
        assert written[key] == value


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="'nemo'; choose among ucurve, trl"):
        render_recipe(recipe_of_run(local_row()), "nemo")


@given(part=st.integers(0, 5_000), rest=st.integers(1, 5_000), devices=st.integers(1, 64))
def test_a_share_gives_back_its_steps(part: int, rest: int, devices: int) -> None:
    """open-instruct: `int(num_training_steps * num_processes * warmup_ratio)`, stepped once per process."""
    total = part + rest
    assert int(total * devices * share_for(part, total, devices)) == part * devices


def test_values_say_where_they_come_from() -> None:
    sources = recipe_of_run(local_row()).sources
    assert sources["learning_rate"] == "runs.learning_rate"
    assert sources["adam_beta2"] == "config.adam_beta2"
    assert sources["precision"] == "provenance.precision"


def test_settings_are_found_in_sections_and_among_those_of_the_adapter() -> None:
    trainer, adapter = {"bf16": False, "fp16": False}, {"default": {"use_dora": True}}
    config = {"training_args": trainer, "data_args": {"cutoff_len": 99}, "axolotl": {"train_on_inputs": True}}
    recipe = recipe_of_run(imported_row({**config, "peft_config": adapter}))
    assert (recipe.precision, recipe.computed_in, recipe.max_length, recipe.loss_on) == ("unmixed", None, 99, "all")
    assert "use_dora = True" in recipe.notes[0]
    written = yaml.safe_load(render_recipe(recipe, "trl").text)
    assert (written["bf16"], written["fp16"], "dtype" in written) == (False, False, False)


def test_what_is_not_translated_is_named() -> None:
    recipe = recipe_of_run(imported_row({"use_rslora": True, "packing": False, "neftune_noise_alpha": 5}))
    assert recipe.notes == (
        "The run's configuration also has use_rslora = True, neftune_noise_alpha = 5, which is not translated.",
    )
    assert "use_rslora" in render_recipe(recipe, "axolotl").text
