"""A tiny random Llama and hand-made trials: everything that the packed trainer does, in milliseconds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from runner.spec.plan import TrialPlan
from runner.spec.trial import Trial
from runner.training.layout import IGNORED
from runner.training.tokenized import TokenizedData, TokenizedExample

ALL_TARGETS = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")

BASE_TRIAL = Trial(
    config={},
    seed=0,
    learning_rate=1e-3,
    batch_size=2,
    lora_rank=4,
    lora_alpha=8.0,
    lora_dropout=0.0,
    target_modules=ALL_TARGETS,
    schedule="linear",
    warmup_steps=2,
    warmup_ratio=None,
    weight_decay=0.0,
    adam_beta1=0.9,
    adam_beta2=0.999,
    adam_eps=1e-8,
    clip_norm=1.0,
    max_length=64,
    precision="float32",
    loss_on="response",
    max_steps=8,
    epochs=None,
    token_budget=None,
    evaluate_every=None,
    evaluate_max_examples=8,
    evaluate_at_start=False,
)


def make_plan(n_steps: int = 8, **changes: Any) -> TrialPlan:  # noqa: ANN401
    trial = replace(BASE_TRIAL, max_steps=n_steps, **changes)
    config = {k: v for k, v in changes.items() if k != "seed"} | {"max_steps": n_steps}
    return TrialPlan(
        trial=replace(trial, config=config),
        n_steps=n_steps,
        n_evaluations=1,
        passes=1.0,
        trained_tokens=0,
        processed_tokens=0,
        evaluated_tokens=0,
    )


def make_llama(dtype: torch.dtype = torch.float32, **changes: Any) -> LlamaForCausalLM:  # noqa: ANN401
    torch.manual_seed(20260101)
    config = LlamaConfig(
        **{
            "vocab_size": 101,
            "hidden_size": 32,
            "intermediate_size": 56,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
            "initializer_range": 0.2,
            "pad_token_id": 0,
            **changes,
        }
    )
    return LlamaForCausalLM(config).to(dtype)


@pytest.fixture
def llama() -> Callable[..., LlamaForCausalLM]:
    return make_llama


@pytest.fixture(scope="session")
def tiny_data() -> TokenizedData:
    """24 training and 6 held-out examples of 5 to 31 tokens, about half of each scored."""
    rng = np.random.default_rng(7)

    def example() -> TokenizedExample:
        n = int(rng.integers(5, 32))
        ids = tuple(rng.integers(1, 101, n).tolist())
        first = int(rng.integers(1, n - 1))
        labels = tuple(ids[t + 1] if t + 1 >= first else IGNORED for t in range(n - 1))
        return TokenizedExample(ids, (*labels, IGNORED), n - first, 3 * (n - first))

    return TokenizedData(tuple(example() for _ in range(24)), tuple(example() for _ in range(6)), 0)
