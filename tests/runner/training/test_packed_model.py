"""Which architectures the packed forward pass reproduces, in which precision."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from runner.errors import ModelError
from runner.training.layout import IGNORED, Row, lay_out
from runner.training.packed_model import PackedMlpModule, PackedModel, PackedNormModule

SIZES = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}


def make(config: PreTrainedConfig, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    torch.manual_seed(3)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).to(dtype)
    for name, parameter in model.named_parameters():  # biases and norm weights start at 0 and 1: make them count
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.3)
    return model


@pytest.mark.parametrize(
    "config",
    [
        Qwen2Config(**SIZES),
        Qwen3Config(**SIZES),
        MistralConfig(**SIZES, sliding_window=6),
    ],
    ids=lambda c: type(c).__name__,
)
def test_other_families_give_their_own_loss(config: PreTrainedConfig) -> None:
    """Biases (Qwen2), query and key norms (Qwen3), a sliding window (Mistral): all inside a batch of several rows."""
    model = make(config)
    rows = [[(7 * i + k) % 100 + 1 for i in range(20 - 3 * k)] for k in range(3)]
    expected = []
    for ids in rows:
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
        expected.append(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum").item())
    packed = PackedModel(model)
    micro = lay_out([Row(slot, ids, [*ids[1:], IGNORED]) for slot, ids in enumerate(rows)])
    assert list(packed.loss(micro, {}).values()) == pytest.approx(expected, rel=1e-5)


def test_llama_is_fused_through_and_through() -> None:
    model = make(MistralConfig(**SIZES))
    PackedModel(model)
    kinds = [type(m) for m in model.modules()]
    assert kinds.count(PackedMlpModule) == 2
    assert kinds.count(PackedNormModule) == 5


def test_an_architecture_that_comes_out_different_is_refused() -> None:
    """Gemma 2 caps its logits, which our head does not do."""
    with pytest.raises(ModelError, match="does not reproduce this architecture"):
        PackedModel(make(Gemma2Config(**SIZES, final_logit_softcapping=2.0, query_pre_attn_scalar=8)))


def test_bfloat16_stays_close() -> None:
    exact, rounded = (PackedModel(make(Qwen2Config(**SIZES), dtype)) for dtype in (torch.float32, torch.bfloat16))
    ids = [(7 * i) % 100 + 1 for i in range(20)]
    micro = lay_out([Row(0, ids, [*ids[1:], IGNORED])])
    assert rounded.loss(micro, {})[0] == pytest.approx(exact.loss(micro, {})[0], rel=0.02)
