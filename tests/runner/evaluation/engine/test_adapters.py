"""PEFT folders: what is read, and what is refused because it cannot be packed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from runner.errors import EnvironmentProblem, ModelError
from runner.evaluation.engine.adapters import load_adapter
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.engine.peft_folder import count_parameters
from runner.training.adapter_files import save_adapter
from runner.training.adapters import Adapter, AdapterShape
from runner.training.base_model import ModelFolder

CPU = torch.device("cpu")
SIZES = {"layers.0.q": (6, 4), "layers.0.v": (6, 2)}


def load(folder: Path, base_model: str = "base") -> object:
    return load_adapter(folder, SIZES, base_model=base_model, device=CPU, dtype=torch.float32)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    adapter = Adapter(AdapterShape(rank=3, alpha=6.0, target_modules=("q", "v")), SIZES, seed=1)
    adapter.parameter.data.normal_()
    save_adapter(adapter, tmp_path / "adapter", base_model="base")
    return tmp_path / "adapter"


def change(folder: Path, **settings: object) -> Path:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return folder


def test_own_adapters_come_back_with_their_scale_in_b(saved: Path) -> None:
    pairs = load_adapter(saved, SIZES, base_model="base", device=CPU, dtype=torch.float32).pairs_of(0)
    tensors = load_file(saved / "adapter_model.safetensors")
    assert set(pairs) == set(SIZES)
    for name, pair in pairs.items():
        assert torch.equal(pair.a, tensors[f"base_model.model.{name}.lora_A.weight"])
        assert torch.equal(pair.b, 2 * tensors[f"base_model.model.{name}.lora_B.weight"])
    assert count_parameters(saved) == 3 * (6 + 4) + 3 * (6 + 2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("bias", "lora_only"),
        ("lora_bias", True),
        ("modules_to_save", ["lm_head"]),
        ("target_parameters", ["experts.gate"]),
        ("trainable_token_indices", [1, 2]),
        ("layer_replication", [[0, 2], [1, 2]]),
        ("init_lora_weights", "pissa"),
        ("fan_in_fan_out", True),
        ("a_setting_of_tomorrow", 3),
    ],
)
def test_what_is_more_than_low_rank_pairs_is_refused_by_name(saved: Path, key: str, value: object) -> None:
    with pytest.raises(ModelError, match=rf"{key} = .* cannot be packed"):
        load(change(saved, **{key: value}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "IA3"}, "no LoRA adapter"),
        ({"base_model_name_or_path": "another"}, "was trained over 'another', not over 'base'"),
        ({"r": 4}, r"has shapes \(3, 6\) and \(4, 3\), expected \(4, 6\) and \(4, 4\)"),
        ({"r": None}, "must give 'r' and 'lora_alpha'"),
        ({"lora_alpha": True}, "must give 'r' and 'lora_alpha'"),
        ({"rank_pattern": {"(": 3}}, "rank_pattern holds '\\('"),
        ({"alpha_pattern": {"q": "x"}}, "alpha_pattern holds 'q'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(saved: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(change(saved, **settings))


def test_the_base_model_may_be_unknown_or_the_same_folder_by_another_name(saved: Path, tmp_path: Path) -> None:
    load(change(saved, base_model_name_or_path=None))
    (tmp_path / "model").mkdir()
    load(change(saved, base_model_name_or_path=str(tmp_path / "model")), base_model=f"{tmp_path}/adapter/../model")


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        (
            {"base_model.model.layers.0.q.lora_A.weight": "base_model.model.layers.0.q.bias"},
            "no half of a low-rank pair",
        ),
        ({"base_model.model.layers.0.q.lora_A.weight": None}, "'layers.0.q' has one half of a pair only"),
        (
            {
                f"base_model.model.layers.0.q.lora_{side}.weight": f"base_model.model.lm_head.lora_{side}.weight"
                for side in "AB"
            },
            "'lm_head' is no linear layer of the base model that can be adapted",
        ),
    ],
)
def test_unknown_tensors_are_refused_and_never_skipped(
    saved: Path, rename: dict[str, str | None], message: str
) -> None:
    file = saved / "adapter_model.safetensors"
    tensors = {rename.get(key, key): tensor for key, tensor in load_file(file).items()}
    save_file({key: tensor for key, tensor in tensors.items() if key is not None}, file)
    with pytest.raises(ModelError, match=message):
        load(saved)


def test_damaged_or_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is no adapter: it needs adapter_config.json and adapter_model.safetensors"):
        load(tmp_path)
    (saved / "adapter_model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ModelError, match=r"adapter_model.safetensors cannot be read"):
        load(saved)
    (saved / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"adapter_config.json cannot be read"):
        load(saved)


def test_pickled_weights_are_never_read(saved: Path) -> None:
    (saved / "adapter_model.safetensors").rename(saved / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickles are never read"):
        load(saved)


def test_adapters_that_do_not_fit_are_refused_before_they_are_read(
    tiny_folder: ModelFolder, save_peft: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_peft(tmp_path / "a", r=64, target_modules="all-linear")
    n_bytes = 4 * count_parameters(folder)
    beside = 2 * 2**20  # bytes of logits and activations: the model is tiny
    monkeypatch.setattr(
        "runner.evaluation.engine.engine.free_memory_bytes", lambda _: int((5 * n_bytes + beside) / 0.8)
    )
    PackedEngine.load(tiny_folder, {"one": folder}, precision="float32")
    with pytest.raises(EnvironmentProblem, match="16 adapters and one pass need about"):
        PackedEngine.load(tiny_folder, {str(i): folder for i in range(16)}, precision="float32")
