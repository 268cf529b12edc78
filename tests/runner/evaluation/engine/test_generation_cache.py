"""Logits of rows that leave, move and fork, against a full forward pass over their tokens."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig, Qwen2Config, Qwen3Config

from runner.evaluation.engine.generation_cache import KeyValueCache
from runner.evaluation.engine.generation_rows import Move
from runner.evaluation.engine.generation_wave import Wave
from runner.evaluation.requests import Generation
from runner.training.adapters import Adapter, AdapterShape
from runner.training.layout import IGNORED, Row, lay_out
from runner.training.packed_model import PackedModel
from tests.runner.training.test_packed_model import SIZES, make

PROMPTS = [(5, 6, 7, 8, 9), (5, 6, 7), tuple(range(20, 37)), (50,)]
SLOTS = (0, 1, 3)
N_STEPS = 12


class Dictated:
    """Writes random tokens into rows that end and fork at random, and keeps what the model said before each."""

    def __init__(self, seed: int, *, n_lanes: int) -> None:
        self.answers: list[Generation | None] = []
        self.rows = [(slot, prompt) for slot in SLOTS for prompt in PROMPTS]
        self.seen: list[tuple[int, tuple[int, ...], Tensor]] = []
        self._random, self._n_lanes, self._n_steps = np.random.default_rng(seed), n_lanes, 0

    def advance(self, logits_NV: Tensor) -> Move:
        self.seen += [(slot, ids, logits) for (slot, ids), logits in zip(self.rows, logits_NV, strict=True)]
        self._n_steps += 1
        if self._n_steps > N_STEPS:
            return Move([], [])
        n_children = self._random.choice((0, 1, 1, 1, 1, 2), size=len(self.rows))
        children = np.repeat(np.arange(len(self.rows)), n_children)
        n_kept = min(len(children), self._n_lanes)
        parents: list[int] = sorted(self._random.choice(children, n_kept, replace=False).tolist())
        tokens: list[int] = self._random.integers(1, 101, len(parents)).tolist()
        self.rows = [
            (self.rows[parent][0], (*self.rows[parent][1], token))
            for parent, token in zip(parents, tokens, strict=True)
        ]
        return Move(parents, tokens)


CONFIGS = [
    Qwen2Config(**SIZES),
    Qwen3Config(**SIZES),
    MistralConfig(**SIZES, sliding_window=6),
    LlamaConfig(**{**SIZES, "num_key_value_heads": 1}),
    LlamaConfig(**{**SIZES, "num_key_value_heads": 4}, rope_scaling={"rope_type": "linear", "factor": 2.0}),
]


@pytest.mark.parametrize(
    ("config", "dtype", "tolerance"),
    [*[(c, torch.float32, 1e-4) for c in CONFIGS], (CONFIGS[0], torch.bfloat16, 0.5)],
    ids=[*("qwen2", "qwen3", "mistral-window", "one-key-head", "no-shared-heads"), "bfloat16"],
)
def test_every_step_gives_the_logits_of_a_full_pass(
    config: PreTrainedConfig, dtype: torch.dtype, tolerance: float
) -> None:
    model = PackedModel(make(copy.deepcopy(config), dtype))
    adapters = {slot: _adapter(model, slot) for slot in (0, 3)}
    writer = Dictated(7, n_lanes=24)
    Wave(model, adapters, SLOTS, PROMPTS).write(writer, n_beams=2, n_columns=17 + N_STEPS, max_tokens=20)
    assert len(writer.seen) > 60
    worst = max(
        float((logits - _full_pass(model, adapters, slot, ids)).abs().max()) for slot, ids, logits in writer.seen
    )
    assert worst < tolerance
    # The same comparison with another slot's adapter must fail, or it shows nothing.
    _, ids, logits = writer.seen[0]
    assert float((logits - _full_pass(model, adapters, 3, ids)).abs().max()) > 2 * tolerance


def test_lanes_that_stay_are_not_copied() -> None:
    cache = KeyValueCache(4, 4, 3)
    copied: list[tuple[list[int], list[int]]] = []
    cache._copy = lambda sources, targets: copied.append((list(sources), list(targets)))  # type: ignore[method-assign]
    cache.select([0, 2, 3])
    assert copied[-1] == ([3], [1])  # the last lane fills the gap
    cache.select([0, 2])
    assert copied[-1] == ([], [])
    cache.select([1, 1, 0])
    assert copied[-1] == ([1], [2])  # a fork needs a lane of its own


def _adapter(model: PackedModel, seed: int) -> Adapter:
    shape = AdapterShape(rank=3, alpha=6.0, target_modules=("q_proj", "v_proj", "down_proj"))
    adapter = Adapter(shape, model.module_sizes, seed=seed, compute_dtype=model.compute_dtype)
    torch.manual_seed(seed)
    adapter.parameter.data += torch.randn_like(adapter.parameter) * 0.2
    adapter.refresh()
    return adapter


def _full_pass(model: PackedModel, adapters: dict[int, Adapter], slot: int, ids: tuple[int, ...]) -> Tensor:
    """The training forward pass: its attention knows no cache."""
    from runner.training.packed_model import _row_stream

    hidden_TI = model.hidden(_row_stream(lay_out([Row(slot, ids, [IGNORED] * len(ids))])), adapters)
    with torch.no_grad():
        return (hidden_TI[-1].to(model.compute_dtype) @ model.output_weight.T).float()
