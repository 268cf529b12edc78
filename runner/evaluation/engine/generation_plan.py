"""Which rows are written together: as many as keep the device busy, no more than the memory holds, alike in length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedConfig

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.passes import Pass
from runner.training.memory import HEADROOM, forward_bytes_per_token

MOST_ROWS = {"cpu": 64, "cuda": 512}
"""Rows of a wave. Our choice: more of them make a step hardly cheaper per token, and a wave is what memory errors and
interrupts lose."""


def plan_waves(
    lengths: Sequence[int], chosen: Sequence[int], slots: Sequence[int], *, most_rows: int, most_tokens: int
) -> Iterator[Pass]:
    """Waves of at most so many rows and cells of the cache; one row always fits.

    Every row of a wave has room for the longest one, so prompts are taken by length, and those less than half as long
    as the longest are left to the next wave.

    Args:
        lengths: Most tokens of each prompt with what is written after it, over all its beams.
        chosen: Prompts that are wanted.
        slots: Under which they are wanted.
        most_rows: Prompts times slots of a wave.
        most_tokens: Cells of a wave's cache.
    """
    for group in _alike(lengths, sorted(chosen, key=lambda i: -lengths[i]), most_rows, most_tokens):
        longest = lengths[group[0]]
        n_at_once = max(1, min(round(most_rows / len(group)), most_tokens // (longest * len(group))))
        for start in range(0, len(slots), n_at_once):
            some = tuple(slots[start : start + n_at_once])
            yield Pass(some, group, len(some) * len(group) * longest)


def _alike(lengths: Sequence[int], ordered: Sequence[int], most_rows: int, most_tokens: int) -> Iterator[list[int]]:
    group: list[int] = []
    for i in ordered:
        longest = lengths[group[0]] if group else lengths[i]
        is_full = len(group) >= most_rows or (len(group) + 1) * longest > most_tokens
        if group and (is_full or 2 * lengths[i] < longest):
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def affordable_tokens(
    config: PreTrainedConfig,
    decoding: Decoding,
    *,
    dtype: torch.dtype,
    free_bytes: int,
    n_workers: int,
    prefill_tokens: int,
    most_rows: int,
) -> int:
    """Cells of the cache that one worker's wave can have; at least one.

    Beside the cache, a wave needs the pass over its prompts, and the logits of its rows several times over; when beams
    move, their cells stand there twice.

    Args:
        config: The base model's.
        decoding: Beams, and what is done to logits.
        dtype: Compute type.
        free_bytes: Memory that can still be had.
        n_workers: Waves side by side.
        prefill_tokens: Most tokens of a pass over prompts.
        most_rows: Most rows of a wave, beams not counted.
    """
    usable = int(free_bytes * HEADROOM) // n_workers
    copies = 10 if decoding.temperature > 0 else 3  # sorted, summed up in float64; or as they are, and in float32
    logits = most_rows * decoding.n_beams * config.vocab_size * 4 * copies
    prefill = prefill_tokens * forward_bytes_per_token(config, dtype)
    per_cell = cell_bytes(config, dtype) * (1 if decoding.n_beams == 1 else 2)
    return max(1, int(usable - logits - prefill) // per_cell)


def cell_bytes(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Keys and values of one token over all layers."""
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * kv_heads * head_dim * dtype.itemsize)
