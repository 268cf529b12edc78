"""A tiny model with adapters in slots, tasks over local items, and the harness's own model over the same folders."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
import lm_eval
import peft
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM

from runner.evaluation.engine.engine import PackedEngine
from runner.training.base_model import find_model
from tests.runner.evaluation.harness.tiny_tasks import question, write_tasks
from tests.tiny_model import save_tiny_model

Reference = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data sets are not kept in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        yield


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), max_position_embeddings=200)


@pytest.fixture(scope="session")
def adapters(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    """Two adapters and the base model, by slot."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "one": _save_adapter(model_folder, folder / "one", 1),
        "base": None,
        "two": _save_adapter(model_folder, folder / "two", 2),
    }


def _save_adapter(model_folder: Path, target: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(str(target))
    return target


@pytest.fixture(scope="session")
def engine(model_folder: Path, adapters: dict[str, Path | None]) -> PackedEngine:
    return PackedEngine.load(find_model(str(model_folder)), adapters, precision="float32")


@pytest.fixture(scope="session")
def reference_model(model_folder: Path, adapters: dict[str, Path | None]) -> Callable[[str], HFLM]:
    """The harness's own model of a slot. Its context counts inputs, ours also what is only predicted: one less."""
    made: dict[str, HFLM] = {}

    def make(slot: str) -> HFLM:
        if slot not in made:
            path = adapters[slot]
            made[slot] = HFLM(
                str(model_folder),
                peft=None if path is None else str(path),
                device="cpu",
                dtype="float32",
                batch_size=3,
                max_length=199,
            )
        return made[slot]

    return make


@pytest.fixture(scope="session")
def tasks(reference_model: Callable[[str], HFLM], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Task files; what adapter one writes is the right answer to half of the questions."""
    asked = [
        Instance("generate_until", {}, (question(i), {"until": ["X", "q"], "max_gen_toks": 12}), 0) for i in range(10)
    ]
    written = reference_model("one").generate_until(asked, disable_tqdm=True)
    answers = [text if i % 2 else "nothing" for i, text in enumerate(written)]
    return write_tasks(tmp_path_factory.mktemp("tasks"), answers)


@pytest.fixture(scope="session")
def reference(reference_model: Callable[[str], HFLM], tasks: Path) -> Reference:
    """What the harness says of a slot, run as its users run it."""

    @functools.cache
    def run(slot: str, task: str, **settings: Any) -> Mapping[str, Any]:  # noqa: ANN401
        manager = TaskManager(include_path=str(tasks), include_defaults=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lm_eval.evaluator.add_env_info", _name_version)  # which asks pip for seconds
            found = lm_eval.simple_evaluate(reference_model(slot), tasks=[task], task_manager=manager, **settings)
        assert found is not None
        return dict(found)

    return run


def _name_version(results: dict[str, Any]) -> None:
    results["lm_eval_version"] = version("lm_eval")
