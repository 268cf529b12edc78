"""A tiny model folder, adapters over it written by peft, and what transformers itself makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.requests import LikelihoodRequest, Likelihoods
from runner.training.base_model import ModelFolder, find_model
from tests.tiny_model import save_tiny_model

SETTINGS: dict[str, dict[str, Any]] = {
    "all-linear": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
    "pattern": {"r": 3, "lora_alpha": 5, "target_modules": r".*\.1\..*(q|down)_proj"},
    "rslora": {"r": 16, "lora_alpha": 16, "use_rslora": True, "target_modules": ["v_proj", "o_proj"]},
    "mixed-ranks": {
        "r": 2,
        "target_modules": ["q_proj", "up_proj"],
        "rank_pattern": {"up_proj": 7},
        "alpha_pattern": {r"layers\.0\..*": 32},
    },
}
"""Adapters of different ranks, scales and targets, as peft's users write them."""


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return find_model(str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="session")
def save_peft(tiny_folder: ModelFolder) -> Callable[..., Path]:
    """Writes a random adapter with peft; B is drawn, so that it changes the model."""

    def save(target: Path, seed: int = 0, **settings: Any) -> Path:  # noqa: ANN401
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(tiny_folder.path)
        model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        model.save_pretrained(str(target))
        return target

    return save


@pytest.fixture(scope="session")
def adapter_folders(save_peft: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    """By slot; the base model is in the middle."""
    folder = tmp_path_factory.mktemp("adapters")
    saved = {name: save_peft(folder / name, seed=i, **s) for i, (name, s) in enumerate(SETTINGS.items())}
    names = list(saved)
    return {**{n: saved[n] for n in names[:2]}, "base": None, **{n: saved[n] for n in names[2:]}}


@pytest.fixture(scope="session")
def engine(tiny_folder: ModelFolder, adapter_folders: dict[str, Path | None]) -> PackedEngine:
    return PackedEngine.load(tiny_folder, adapter_folders, precision="float32")


@pytest.fixture(scope="session")
def requests() -> list[LikelihoodRequest]:
    """12 items with 4 choices each after a common prompt, and 4 texts without one; shuffled."""
    rng = np.random.default_rng(5)

    def draw(least: int, most: int) -> tuple[int, ...]:
        return tuple(rng.integers(3, 250, rng.integers(least, most)).tolist())

    made, prompt = [], draw(9, 10)
    for _ in range(12):
        context = prompt + draw(1, 60)
        made += [LikelihoodRequest(context + draw(1, 6), len(context)) for _ in range(4)]
    made += [LikelihoodRequest(draw(150, 300), 1) for _ in range(4)]
    return [made[i] for i in rng.permutation(len(made))]


@torch.no_grad()
def naive(model: torch.nn.Module, requests: Sequence[LikelihoodRequest]) -> Likelihoods:
    """One request after another through the model as transformers and peft run it."""
    sums: list[float] = []
    greedy: list[bool] = []
    for ids, n_context in requests:
        logits = model(input_ids=torch.tensor([ids])).logits[0, n_context - 1 : -1].double()
        targets = torch.tensor(ids[n_context:])
        sums.append(torch.log_softmax(logits, -1).gather(1, targets[:, None]).sum().item())
        greedy.append(bool((logits.argmax(-1) == targets).all()))
    return Likelihoods(np.array([sums]), np.array([greedy]))


@pytest.fixture(scope="session")
def expected(
    tiny_folder: ModelFolder, adapter_folders: dict[str, Path | None], requests: list[LikelihoodRequest]
) -> NDArray[np.float64]:
    """Log-likelihoods by slot, from peft."""
    rows = []
    for path in adapter_folders.values():
        model = AutoModelForCausalLM.from_pretrained(tiny_folder.path)
        rows.append(naive(peft.PeftModel.from_pretrained(model, str(path)) if path else model, requests)[0][0])
    return np.stack(rows)
