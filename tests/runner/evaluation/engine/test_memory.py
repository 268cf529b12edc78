"""How many tokens a pass may have, and how many workers an engine gets."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig

from runner.errors import EnvironmentProblem
from runner.training.memory import HEADROOM, forward_bytes_per_token, plan_forward
from runner.training.workers import Workers

CPU = torch.device("cpu")
CONFIG = LlamaConfig(  # SmolLM2-135M's sizes
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
)


def plan(free_bytes: float, adapters: list[int]) -> int:
    return plan_forward(CONFIG, adapters, dtype=torch.float32, device=CPU, free_bytes=int(free_bytes))


def test_a_pass_fills_the_device_where_there_is_room() -> None:
    assert plan(20 * 2**30, [2**20] * 8) == 4096


@given(st.floats(0.1, 4), st.integers(0, 20))
def test_adapters_and_pass_fit_into_the_memory(free_gib: float, n_adapters: int) -> None:
    adapters = [50 * 2**20] * n_adapters
    try:
        tokens = plan(free_gib * 2**30, adapters)
    except EnvironmentProblem as error:
        assert str(error).startswith(f"{n_adapters} adapters and one pass need about")  # noqa: PT017 - not always raised
        return
    used = sum(adapters) + tokens * forward_bytes_per_token(CONFIG, torch.float32)
    assert used <= HEADROOM * free_gib * 2**30
    assert 128 <= tokens <= 4096


def test_more_adapters_leave_smaller_passes() -> None:
    assert plan(2**29, [2**20]) > plan(2**29, [270 * 2**20])


def test_the_next_session_in_a_process_has_as_many_workers() -> None:
    before = torch.get_num_threads()
    try:
        first, second = Workers.for_device(CPU), Workers.for_device(CPU)
    finally:
        torch.set_num_threads(before)
    assert first.n_workers == second.n_workers
