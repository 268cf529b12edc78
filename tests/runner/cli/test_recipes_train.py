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
from tests.runner.cli.calling import Caller
from tests.runner.cli.test_docs import _undocumented
from tests.tiny_sweep import N_STEPS, train_tiny_sweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store after a sweep over a file beside the sweep file, some of whose examples were left out."""
    return train_tiny_sweep(tmp_path_factory.mktemp("swept"))


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


def test_the_json_of_verbs_that_train_and_score_is_documented(ucurve: Caller, swept: Store, tmp_path: Path) -> None:
    spec = Path(swept.location).parent / "tiny.yaml"
    place = ("--store", tmp_path / "store")
    planned = ucurve("sweep", spec, *place, "--dry-run", "--json").json
    trained = ucurve("sweep", spec, *place, "--json").json
    scored = ucurve("eval", "--best", "--benchmarks", "skills-units", "--max-items", 2, *place, "--json")
    listed = ucurve("eval", "--list", "--json").json

    assert scored.code == 0, scored.err
    assert not _undocumented([planned, trained], "ucurve sweep")
    assert not _undocumented([scored.json, listed], "ucurve eval")


def test_a_path_that_holds_a_secret_is_not_kept(
    ucurve: Caller, swept: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hf_" + "aB3dE6gH9" * 4
    monkeypatch.setenv("HF_TOKEN", secret)
    shutil.copytree(Path(swept.location).parent, tmp_path / secret, ignore=shutil.ignore_patterns("store"))
    store = Store.open(tmp_path / "store", create=True)
    assert ucurve("sweep", tmp_path / secret / "tiny.yaml", "--store", store.location).code == 0

    exported(ucurve, store, tmp_path / "recipe.yaml", "ucurve")

    assert not [text for text in store.snapshot().runs()["provenance_json"] if secret in text]
    assert "path: ./sums.jsonl" in (tmp_path / "recipe.yaml").read_text().replace('"', "")


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
def test_peft_and_transformers_train_from_their_recipe(ucurve: Caller, swept: Store, tmp_path: Path) -> None:
    folder, place = tmp_path / "recipe", Path(swept.location).parent
    exported(ucurve, swept, folder, "peft")
    written = json.loads((folder / "training_args.json").read_text())
    here = {"use_cpu": True, "output_dir": str(tmp_path / "out"), "report_to": "none", "disable_tqdm": True}
    (arguments,) = HfArgumentParser(TrainingArguments).parse_dict(written | here)
    tokenizer = AutoTokenizer.from_pretrained(place / "tiny-llama")
    model = AutoModelForCausalLM.from_pretrained(place / "tiny-llama", dtype=torch.float32)
    adapted = peft.get_peft_model(model, peft.LoraConfig.from_pretrained(str(folder)))
    lines = [json.loads(line) for line in (place / "sums.jsonl").read_text().splitlines()]
    texts = [tokenizer(f"{line['prompt']}{line['completion']}".ljust(8))["input_ids"][:8] for line in lines]

    trainer = Trainer(adapted, arguments, train_dataset=[{"input_ids": ids, "labels": ids} for ids in texts])
    result = trainer.train()

    assert result.global_step == N_STEPS
    assert result.training_loss > 0
    changed = [value for name, value in adapted.named_parameters() if "lora_B" in name]
    assert len(changed) == 4
    assert all(float(value.detach().abs().max()) > 0 for value in changed)
