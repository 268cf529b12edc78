"""The parsers of tools that the suite does not install, asked wherever one is: see `accepted/README.md`."""

from __future__ import annotations

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from analysis.recipes.formats.to_torchtune import BUILDERS
from analysis.recipes.from_run import recipe_of_run
from analysis.recipes.recipe import Layout
from analysis.recipes.render import render_recipe
from runner.training.schedule import Schedule
from tests.analysis.recipes.runs import HOSTILE, imported_row, local_row

pytestmark = pytest.mark.filterwarnings("ignore")
TWO_DEVICES = Layout(devices=2, per_device=3)


def _arguments(text: str, folder: Path) -> list[str]:
    """What a program gets from the script: the shell runs it, with a program in its place that prints what it got."""
    for program in ("python", "accelerate"):
        stub = folder / program
        stub.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
        stub.chmod(0o755)
    (folder / "recipe.sh").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["/bin/sh", "recipe.sh"], cwd=folder, env={"PATH": str(folder)}, capture_output=True, check=True, timeout=60
    )
    assert not done.stderr
    assert {file.name for file in folder.iterdir()} == {"python", "accelerate", "recipe.sh"}
    return done.stdout.decode().split("\0")[:-1]


def test_axolotl_reads_a_run_of_ucurve() -> None:
    schema = pytest.importorskip("axolotl.utils.schemas.config")
    text = render_recipe(recipe_of_run(local_row()), "axolotl", TWO_DEVICES).text
    read = schema.AxolotlInputConfig(**yaml.safe_load(text)).model_dump()
    expected = {
        "base_model": "HuggingFaceTB/SmolLM2-360M-Instruct", "revision_of_model": "abc123", "adapter": "lora",
        "lora_r": 12,
        "lora_alpha": 20, "lora_dropout": 0.03, "lora_target_modules": ["q_proj", "v_proj"], "learning_rate": 3.3e-4,
        "lr_scheduler": "cosine", "warmup_steps": 10, "micro_batch_size": 3, "gradient_accumulation_steps": 4,
        "weight_decay": 0.013, "adam_beta1": 0.91, "adam_beta2": 0.97, "adam_epsilon": 1e-7, "max_grad_norm": 0.7,
        "max_steps": 150, "seed": 11, "sequence_len": 768, "train_on_inputs": False, "bf16": True,
        "sample_packing": False,
        "excess_length_strategy": "truncate",
    }  # fmt: skip
    assert {key: read[key] for key in expected} == expected
    assert read["datasets"][0]["path"] == "team/answers"


def test_axolotl_reads_other_runs() -> None:
    schema = pytest.importorskip("axolotl.utils.schemas.config")
    row = imported_row({"beta": 0.2}, model="org/m", dataset="org/d", objective="dpo", adapter="lora", lora_alpha=12.5,
                       target_modules=["all-linear"], lora_rank=8, batch_size=4, epochs=2.0)  # fmt: skip
    rendered = render_recipe(recipe_of_run(row), "axolotl")
    read = schema.AxolotlInputConfig(**yaml.safe_load(rendered.text))
    assert (read.rl, read.rl_beta, read.lora_target_linear, read.num_epochs) == ("dpo", 0.2, True, 2.0)
    assert rendered.sentences("no_equivalent") == ["lora_alpha: axolotl takes whole numbers only; this run had 12.5"]


def test_axolotl_reads_where_the_examples_lay() -> None:
    schema = pytest.importorskip("axolotl.utils.schemas.config")
    told = {"sweep_file": {"dataset": {"path": "/there/answers.jsonl"}}}
    row = local_row() | {"provenance_json": json.dumps(told)}
    read = schema.AxolotlInputConfig(**yaml.safe_load(render_recipe(recipe_of_run(row), "axolotl").text)).model_dump()
    place = {"path": "/there/answers.jsonl", "ds_type": "json", "type": "chat_template"}
    assert {key: read["datasets"][0][key] for key in place} == place


def test_llama_factory_reads_a_run_of_ucurve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")
    module = pytest.importorskip("llamafactory.hparams.parser")
    from transformers import HfArgumentParser

    text = render_recipe(recipe_of_run(local_row()), "llama-factory", TWO_DEVICES).text
    written = yaml.safe_load(text) | {"use_cpu": True}
    parsed = HfArgumentParser(module._TRAIN_ARGS).parse_dict(written, allow_extra_keys=False)
    read = {key: value for part in parsed for key, value in vars(part).items()}
    expected = {
        "model_name_or_path": "HuggingFaceTB/SmolLM2-360M-Instruct", "model_revision": "abc123", "stage": "sft",
        "dataset": ["team/answers"], "finetuning_type": "lora", "lora_rank": 12, "lora_alpha": 20, "lora_dropout": 0.03,
        "lora_target": ["q_proj", "v_proj"], "learning_rate": 3.3e-4, "lr_scheduler_type": "cosine", "warmup_steps": 10,
        "per_device_train_batch_size": 3, "gradient_accumulation_steps": 4, "weight_decay": 0.013, "adam_beta1": 0.91,
        "adam_beta2": 0.97, "adam_epsilon": 1e-7, "max_grad_norm": 0.7, "max_steps": 150, "seed": 11, "cutoff_len": 768,
        "train_on_prompt": False, "mask_history": True, "bf16": True,
    }  # fmt: skip
    assert {key: read[key] for key in expected} == expected


def _torchtune(row: dict[str, object], folder: Path) -> dict[str, Any]:
    omegaconf = pytest.importorskip("omegaconf")
    file = folder / "torchtune.yaml"
    file.write_text(render_recipe(recipe_of_run(row), "torchtune").text, encoding="utf-8")
    return dict(omegaconf.OmegaConf.to_container(omegaconf.OmegaConf.load(file), resolve=True))


@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_torchtune_makes_the_optimizer_and_the_schedule(kind: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a literal
    instantiate = pytest.importorskip("torchtune.config").instantiate
    omegaconf = pytest.importorskip("omegaconf")
    row = local_row(model="Qwen/Qwen2.5-0.5B", lr_schedule=kind, n_steps=30, n_warmup=5)
    read = omegaconf.OmegaConf.create(_torchtune(row, tmp_path))
    optimizer = instantiate(read.optimizer, [torch.nn.Parameter(torch.zeros(1))])
    group = optimizer.param_groups[0]
    assert (group["lr"], tuple(group["betas"]), group["eps"]) == (3.3e-4, (0.91, 0.97), 1e-7)
    assert group["weight_decay"] == 0.013
    theirs = instantiate(read.lr_scheduler, optimizer, num_training_steps=30, last_epoch=-1)
    ours = Schedule(kind, 3.3e-4, 5, 30)
    for step in range(30):
        if step >= 5:
            assert theirs.get_last_lr()[0] == pytest.approx(ours.at(step), rel=1e-12)
        optimizer.step()
        theirs.step()


def test_torchtune_has_the_builders_and_they_take_the_settings(tmp_path: Path) -> None:
    config = pytest.importorskip("torchtune.config._utils")
    for builder in BUILDERS.values():
        assert callable(config._get_component_from_path(f"torchtune.models.{builder}"))
    read = _torchtune(local_row(model="Qwen/Qwen2.5-0.5B"), tmp_path)
    component = config._get_component_from_path(read["model"].pop("_component_"))
    inspect.signature(component).bind(**read["model"])
    assert read["model"]["lora_attn_modules"] == ["q_proj", "v_proj"]
    assert (read["epochs"], read["max_steps_per_epoch"], read["clip_grad_norm"]) == (1, 150, 0.7)


@pytest.mark.parametrize("text", [*(text for text in HOSTILE if text), "a\\\\${x}", "${", "\\${a} ${b:c} \\\\${d}"])
def test_omegaconf_reads_names_as_they_are(text: str, tmp_path: Path) -> None:
    assert _torchtune(local_row(dataset=text), tmp_path)["dataset"]["source"] == text


def _tinker(row: dict[str, object], folder: Path) -> Any:  # noqa: ANN401 - the tool's own type
    chz = pytest.importorskip("chz")
    train = pytest.importorskip("tinker_cookbook.recipes.chat_sl.train")
    arguments = _arguments(render_recipe(recipe_of_run(row), "tinker-cookbook").text, folder)
    assert arguments[:2] == ["-m", "tinker_cookbook.recipes.chat_sl.train"]
    return chz.Blueprint(train.CLIConfig).make_from_argv(arguments[2:])


def test_tinker_cookbook_reads_the_arguments(tmp_path: Path) -> None:
    read = _tinker(local_row(), tmp_path)
    assert (read.model_name, read.learning_rate) == ("HuggingFaceTB/SmolLM2-360M-Instruct", 3.3e-4)
    assert (read.batch_size, read.lora_rank, read.max_steps, read.max_length) == (24, 12, 150, 768)
    assert (read.lr_schedule, str(read.train_on_what)) == ("cosine", "last_assistant_message")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text and text.isprintable()])
def test_tinker_cookbook_reads_names_as_they_are(text: str, tmp_path: Path) -> None:
    read = _tinker(local_row(dataset=text, model=text, model_revision=None), tmp_path)
    assert (read.model_name, read.dataset) == (text, text)


def test_open_instruct_gets_the_flags_it_knows(tmp_path: Path) -> None:
    words = _arguments(render_recipe(recipe_of_run(local_row()), "open-instruct", TWO_DEVICES).text, tmp_path)
    assert words[:3] == ["launch", "--num_processes=2", "open_instruct/finetune.py"]
    assert "--warmup_ratio=0.06666666666666667" in words
    accepted = json.loads((Path(__file__).parent / "accepted" / "open-instruct.json").read_text())["keys"]
    flags = [word[2:].split("=")[0] for word in words[3:] if word.startswith("--")]
    assert set(flags) <= set(accepted)
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("name", ["open-instruct", "tinker-cookbook"])
@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_no_name_gets_out_of_the_shell(name: str, text: str, tmp_path: Path) -> None:
    """Comments and values alike: the program gets as many words as with harmless names, or the name is left out."""
    rows = [local_row(dataset=each, model=each) | {"name": each, "run_id": "r"} for each in ("d", text)]
    plain, hostile = (_arguments(render_recipe(recipe_of_run(row, [text]), name).text, tmp_path) for row in rows)
    kept = [word for word in plain if word in hostile]
    named = [word for word in hostile if text in word]
    assert len(kept) + len(named) == len(hostile)
