"""What is written for TRL, PEFT and transformers is read by their own parsers, and means the same there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from transformers import HfArgumentParser, TrainingArguments, get_scheduler

from analysis.recipes.from_run import recipe_of_run
from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.render import render_recipe
from runner.training.schedule import Schedule
from tests.analysis.recipes.runs import imported_row, local_row

trl = pytest.importorskip("trl")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def _read_trl(recipe: Recipe, folder: Path, layout: Layout = Layout()) -> dict[str, Any]:  # noqa: B008 - frozen
    rendered = render_recipe(recipe, "trl", layout)
    ((name, text),) = rendered.files.items()
    file = folder / name
    file.write_text(text, encoding="utf-8")
    config = trl.DPOConfig if recipe.objective == "dpo" else trl.SFTConfig
    parser = trl.TrlParser((trl.ScriptArguments, config, trl.ModelConfig, trl.DatasetMixtureConfig))
    parsed = parser.parse_args_and_config(["--config", str(file), "--use_cpu"])
    return {key: value for part in parsed for key, value in vars(part).items()}


def test_trl_reads_every_value_of_a_run_of_ucurve(tmp_path: Path) -> None:
    found = _read_trl(recipe_of_run(local_row()), tmp_path, Layout(devices=2, per_device=3))
    expected = {
        "model_name_or_path": "HuggingFaceTB/SmolLM2-360M-Instruct", "model_revision": "abc123",
        "dataset_name": "team/answers",
        "use_peft": True, "lora_r": 12, "lora_alpha": 20, "lora_dropout": 0.03, "lora_target_modules": ["q_proj",
        "v_proj"],
        "learning_rate": 3.3e-4, "lr_scheduler_type": "cosine", "warmup_steps": 10, "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 4, "weight_decay": 0.013, "adam_beta1": 0.91, "adam_beta2": 0.97,
        "adam_epsilon": 1e-7,
        "max_grad_norm": 0.7, "max_steps": 150, "seed": 11, "max_length": 768, "completion_only_loss": True,
        "packing": False,
        "dtype": "bfloat16", "bf16": True, "fp16": False, "optim": "adamw_torch",
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    peft = trl.get_peft_config(_model_config(found))
    assert (peft.r, peft.lora_alpha, sorted(peft.target_modules)) == (12, 20, ["q_proj", "v_proj"])


def _model_config(found: dict[str, Any]) -> object:
    fields = trl.ModelConfig.__dataclass_fields__
    return trl.ModelConfig(**{key: value for key, value in found.items() if key in fields})


def test_trl_reads_the_other_choices(tmp_path: Path) -> None:
    row = local_row(
        clip_kind=None,
        clip_value=None,
        lr_schedule="constant",
        loss_on="all",
        lora_alpha=12.5,
        target_modules=["q_proj"],
    )
    row["provenance_json"] = json.dumps({"precision": "float32"})
    found = _read_trl(recipe_of_run(row), tmp_path)
    assert found["max_grad_norm"] == 0
    assert found["lr_scheduler_type"] == "constant_with_warmup"
    assert found["completion_only_loss"] is False
    assert found["bf16"] is False
    assert found["dtype"] == "float32"
    assert found["lora_alpha"] == 12.5


def test_trl_reads_a_dpo_run_of_another_tool(tmp_path: Path) -> None:
    row = imported_row({"beta": 0.2, "adam_beta2": 0.98, "bf16": True}, objective="dpo", adapter="lora", lora_rank=4,
                       target_modules=["all-linear"], batch_size=8, epochs=3.0, dataset="org/d")  # fmt: skip
    found = _read_trl(recipe_of_run(row), tmp_path)
    assert found["beta"] == 0.2
    assert found["num_train_epochs"] == 3.0
    assert found["max_steps"] == -1
    assert found["adam_beta2"] == 0.98
    assert _model_config(found).lora_target_modules == "all-linear"  # type: ignore[attr-defined]


def test_what_a_run_does_not_say_is_a_comment_and_no_value(tmp_path: Path) -> None:
    rendered = render_recipe(recipe_of_run(imported_row()), "trl")
    assert {line.setting for line in rendered.lines if line.status == "missing"} >= {"batch_size", "seed", "budget"}
    assert "# seed: the run does not say" in rendered.text
    found = _read_trl(recipe_of_run(imported_row()), tmp_path)
    assert found["learning_rate"] == 2e-4
    assert found["seed"] == trl.SFTConfig(use_cpu=True).seed


def test_peft_and_transformers_read_their_files(tmp_path: Path) -> None:
    rendered = render_recipe(recipe_of_run(local_row()), "peft", Layout(devices=4))
    for name, text in rendered.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = LoraConfig.from_pretrained(str(tmp_path))
    assert (config.r, config.lora_alpha, config.lora_dropout) == (12, 20, 0.03)
    assert set(config.target_modules) == {"q_proj", "v_proj"}
    assert config.base_model_name_or_path == "HuggingFaceTB/SmolLM2-360M-Instruct"
    written = json.loads(rendered.files["training_args.json"]) | {"use_cpu": True}
    (arguments,) = HfArgumentParser(TrainingArguments).parse_dict(written)
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (6, 1)
    assert (arguments.adam_beta1, arguments.adam_beta2, arguments.adam_epsilon) == (0.91, 0.97, 1e-7)
    assert (arguments.max_grad_norm, arguments.weight_decay, arguments.seed) == (0.7, 0.013, 11)
    assert arguments.get_warmup_steps(arguments.max_steps) == 10


@pytest.mark.parametrize("names", [["all-linear"], [r".*\.(q|v)_proj"]])
def test_peft_gets_patterns_as_text(names: list[str], tmp_path: Path) -> None:
    rendered = render_recipe(recipe_of_run(imported_row(adapter="lora", target_modules=names)), "peft")
    (tmp_path / "adapter_config.json").write_text(rendered.files["adapter_config.json"], encoding="utf-8")
    assert LoraConfig.from_pretrained(str(tmp_path)).target_modules == names[0]


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("n_warmup", [0, 1, 7])
def test_the_schedule_is_the_same_after_the_warm_up(kind: Any, n_warmup: int) -> None:  # noqa: ANN401 - a literal
    recipe = recipe_of_run(local_row(lr_schedule=kind, n_warmup=n_warmup, n_steps=30))
    lines = {line.key: line.value for line in render_recipe(recipe, "trl").lines}
    optimizer = torch.optim.AdamW([torch.zeros(1)], lr=3.3e-4)
    theirs = get_scheduler(lines["lr_scheduler_type"], optimizer, lines["warmup_steps"], lines["max_steps"])
    ours = Schedule(kind, 3.3e-4, n_warmup, 30)
    for step in range(30):
        rate = theirs.get_last_lr()[0]
        if step >= n_warmup:
            assert rate == pytest.approx(ours.at(step), rel=1e-12)
        else:
            assert rate == pytest.approx(ours.at(step) - 3.3e-4 / n_warmup, abs=1e-15)
        optimizer.step()
        theirs.step()
