"""A recipe that was exported is trained from as it is: by Ucurve itself, by TRL, and by PEFT with transformers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import peft
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments

from analysis.store import Store
from runner.spec import load_sweep_spec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_progress import NoView
from tests.runner.cli.calling import Caller

N_STEPS = 3


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, pairs_file: Path) -> Store:
    """The store after a sweep over a file beside the sweep file, some of whose examples were left out."""
    folder = tmp_path_factory.mktemp("swept")
    shutil.copy(pairs_file, folder / "sums.jsonl")
    (folder / "tiny.yaml").write_text(
        f"""
model: {tiny_model_folder}
dataset: {{path: sums.jsonl, format: prompt_completion, held_out: 10, max_examples: 50}}
axes: {{learning_rate: [1e-3, 1e-2]}}
seeds: 2
budget: {{steps: {N_STEPS}}}
training: {{batch_size: 4, lora_rank: 4, precision: float32, max_length: 64, target_modules: [q_proj, v_proj]}}
evaluation: {{max_examples: 10}}
""",
        encoding="utf-8",
    )
    store = Store.open(folder / "store", create=True)
    assert run_sweep(prepare_sweep(load_sweep_spec(folder / "tiny.yaml")), store, view=NoView()).is_complete
    return store


def exported(ucurve: Caller, store: Store, target: Path, name: str) -> str:
    """Writes the recipe of the best configuration and returns the run it is of."""
    place = ("--store", store.location, "--best", "--format", name, "-o", target)
    answer = ucurve("export-recipe", *place, "--json")
    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    return str(answer.json["run_id"])


def test_ucurve_trains_the_same_run_again(ucurve: Caller, swept: Store, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    run_id = exported(ucurve, swept, recipe, "ucurve")

    answer = ucurve("sweep", recipe, "--store", tmp_path / "again")

    assert answer.code == 0, answer.err
    first, again = swept.snapshot(), Store.open(tmp_path / "again").snapshot()
    assert list(again.runs()["run_id"]) == [run_id]
    before, after = (json.loads(str(each.run_rows([run_id])[run_id]["config_json"])) for each in (first, again))
    assert after == before
    for metric in ("train_loss", "eval_loss"):
        old, new = (each.curves([run_id], metric)["value"].tolist() for each in (first, again))
        assert len(old) >= 2
        assert new == pytest.approx(old, rel=1e-5)  # alone here, beside the others there


def test_the_recipe_finds_the_run_that_it_is_of(ucurve: Caller, swept: Store, tmp_path: Path) -> None:
    exported(ucurve, swept, tmp_path / "recipe.yaml", "ucurve")

    answer = ucurve("sweep", tmp_path / "recipe.yaml", "--store", swept.location, "--json")

    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    assert (answer.json["n_runs"], answer.json["n_skipped"]) == (1, 1)


@pytest.mark.slow
def test_trl_trains_from_its_recipe(ucurve: Caller, swept: Store, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    run_id = exported(ucurve, swept, tmp_path / "sft.yaml", "trl")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "WANDB_MODE": "disabled"}

    trained = subprocess.run(
        [sys.executable, "-m", "trl.scripts.sft", "--config", "sft.yaml", "--use_cpu"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert trained.returncode == 0, trained.stderr
    said = yaml.safe_load((tmp_path / "sft.yaml").read_text())
    folder = tmp_path / "outputs" / run_id
    config = peft.LoraConfig.from_pretrained(str(folder))
    assert (config.r, set(config.target_modules)) == (4, {"q_proj", "v_proj"})
    (state,) = folder.glob("checkpoint-*/trainer_state.json")
    assert json.loads(state.read_text())["global_step"] == said["max_steps"] == N_STEPS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_peft_and_transformers_train_from_their_recipe(
    ucurve: Caller, swept: Store, pairs_file: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recipe"
    exported(ucurve, swept, folder, "peft")
    written = json.loads((folder / "training_args.json").read_text())
    here = {"use_cpu": True, "output_dir": str(tmp_path / "out"), "report_to": "none", "disable_tqdm": True}
    (arguments,) = HfArgumentParser(TrainingArguments).parse_dict(written | here)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    adapted = peft.get_peft_model(model, peft.LoraConfig.from_pretrained(str(folder)))
    lines = [json.loads(line) for line in pairs_file.read_text().splitlines()]
    texts = [tokenizer(f"{line['prompt']}{line['completion']}".ljust(8))["input_ids"][:8] for line in lines]

    trainer = Trainer(adapted, arguments, train_dataset=[{"input_ids": ids, "labels": ids} for ids in texts])
    result = trainer.train()

    assert result.global_step == N_STEPS
    assert result.training_loss > 0
    changed = [value for name, value in adapted.named_parameters() if "lora_B" in name]
    assert len(changed) == 4
    assert all(float(value.detach().abs().max()) > 0 for value in changed)
