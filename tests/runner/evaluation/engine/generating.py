"""A tiny model folder with adapters that change what it writes, and the same through transformers and peft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from runner.evaluation.engine.engine import PackedEngine
from runner.training.adapter_files import save_adapter
from runner.training.adapters import Adapter, AdapterShape
from runner.training.base_model import find_model

PROMPTS: list[tuple[int, ...]] = [
    tuple((7 * i * i + 3 * k * i + k) % 256 + 3 for i in range(length))
    for k, length in enumerate((5, 31, 1, 12, 12, 18))
]
"""Ragged; all token ids belong to bytes."""
NAMES = ("qv", "all", "base", "mlp")
TARGETS = {
    "qv": ("q_proj", "v_proj"),
    "all": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    "mlp": ("up_proj", "down_proj"),
}


def save_adapters(
    model_folder: Path, folder: Path, *, strength: float = 0.1, base_model: str | None = None
) -> dict[str, Path | None]:
    """Adapters strong enough that each writes something of its own; the base model has a slot without one."""
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    sizes = {n: (m.in_features, m.out_features) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    paths: dict[str, Path | None] = {}
    for seed, name in enumerate(NAMES):
        if name not in TARGETS:
            paths[name] = None
            continue
        adapter = Adapter(AdapterShape(rank=2 + seed, alpha=8.0, target_modules=TARGETS[name]), sizes, seed=seed)
        torch.manual_seed(seed)
        adapter.parameter.data += torch.randn_like(adapter.parameter) * strength
        paths[name] = folder / name
        save_adapter(adapter, folder / name, base_model=base_model or str(model_folder))
    return paths


def load_engine(model_folder: Path, adapters: Mapping[str, Path | None]) -> PackedEngine:
    return PackedEngine.load(find_model(str(model_folder)), adapters, precision="float32")


def peft_model(model_folder: Path, adapter: Path | None) -> PreTrainedModel:
    """What an adapter's answers are compared with."""
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    return model if adapter is None else PeftModel.from_pretrained(model, adapter).eval()


def written_alone(model: PreTrainedModel, prompt: Sequence[int], **settings: object) -> list[int]:
    """Tokens that transformers' `generate` writes after one prompt, ends of sequence included."""
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, **settings)
    return [int(token) for token in out[0, len(prompt) :]]
