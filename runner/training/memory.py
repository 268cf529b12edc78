"""How many trials fit at once, from an estimate made before anything is allocated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from transformers import PreTrainedConfig

from runner.errors import EnvironmentProblem
from runner.spec.plan import TrialPlan
from runner.training.head_loss import CHUNK_TOKENS
from runner.training.tokenized import TokenizedData

HEADROOM = 0.8
"""Share of the free memory that is planned with; the rest is for fragmentation and everybody else (our choice)."""
ADAM_BYTES = 4 * 4
"""Per adapter parameter: the value, its gradient and Adam's two moments, in float32."""
TYPICAL_ROW_TOKENS = 128
"""Attention scores are estimated at this row length; longer rows are counted by their own length."""
DEFAULT_MICRO_TOKENS = {"cpu": 4096, "cuda": 16_384}
"""Tokens that keep the device busy (our choice: smaller ones spend their time on small low-rank products)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSize:
    """What the trainer will allocate."""

    n_slots: int
    micro_batch_tokens: int
    base_bytes: int
    adapter_bytes: int
    """Of one trial."""
    activation_bytes: int
    """Of the micro-batches that run side by side."""
    n_workers: int


@dataclass(frozen=True, slots=True)
class PackLimits:
    """What the user asked for; None leaves it to the memory estimate."""

    n_slots: int | None = None
    micro_batch_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the sweep asks of the memory."""

    n_trials: int
    adapter_parameters: int
    """Of the largest adapter."""
    step_tokens: float
    """Mean tokens of one trial's optimizer step."""
    longest_row: int


def demand_of(
    plans: Sequence[TrialPlan], n_adapter_parameters: Sequence[int], data_of: Callable[[TrialPlan], TokenizedData]
) -> Demand:
    """What these plans ask of the memory."""
    return Demand(
        n_trials=len(plans),
        adapter_parameters=max(n_adapter_parameters),
        step_tokens=sum(p.processed_tokens / p.n_steps for p in plans) / len(plans),
        longest_row=max(data_of(p).longest for p in plans),
    )


def plan_pack(
    config: PreTrainedConfig,
    base_bytes: int,
    demand: Demand,
    *,
    dtype: torch.dtype,
    device: torch.device,
    free_bytes: int,
    n_slots: int | None = None,
    micro_batch_tokens: int | None = None,
    n_workers: int = 1,
) -> PackSize:
    """The pack: as many trials as fill every worker's micro-batch, no more than the memory holds.

    More trials at once than that train no faster; fewer finish sooner.

    Args:
        config: The base model's.
        base_bytes: Its weights (already loaded: not counted against `free_bytes`).
        demand: Largest adapter, tokens per step.
        dtype: Compute type.
        device: Where it runs.
        free_bytes: Memory that can still be had.
        n_slots: Asked for; None decides.
        micro_batch_tokens: Asked for; None decides.
        n_workers: Micro-batches that run side by side, and gradient buffers of a trial.

    Raises:
        EnvironmentProblem: Not even one trial with the smallest micro-batch fits.
    """
    usable = int(free_bytes * HEADROOM)
    copies = ADAM_BYTES + 4 * (n_workers - 1) + (0 if dtype == torch.float32 else dtype.itemsize)
    adapter = demand.adapter_parameters * copies
    smallest = max(demand.longest_row, 16)
    tokens = max(micro_batch_tokens or DEFAULT_MICRO_TOKENS.get(device.type, 4096), smallest)
    per_token = n_workers * activation_bytes_per_token(config, dtype, max(demand.longest_row, TYPICAL_ROW_TOKENS))
    fixed = n_workers * _head_bytes(config)
    while micro_batch_tokens is None and tokens > smallest and adapter + fixed + tokens * per_token > usable:
        tokens = max(tokens // 2, smallest)
    affordable = (usable - fixed - tokens * per_token) // adapter
    if affordable < 1:
        need = adapter + fixed + tokens * per_token
        raise EnvironmentProblem(
            f"one trial needs about {need / 2**30:.1f} GiB beside the model, {usable / 2**30:.1f} GiB can be used; "
            "lower training.max_length, lora_rank or micro_batch_tokens, or take a smaller model"
        )
    filling = max(2, ceil(n_workers * tokens / max(demand.step_tokens, 1.0)))
    slots = n_slots or min(filling, demand.n_trials)
    return PackSize(
        n_slots=int(min(slots, affordable, demand.n_trials)),
        micro_batch_tokens=tokens,
        base_bytes=base_bytes,
        adapter_bytes=adapter,
        activation_bytes=fixed + tokens * per_token,
        n_workers=n_workers,
    )


def plan_forward(
    config: PreTrainedConfig,
    adapter_bytes: Sequence[int],
    *,
    dtype: torch.dtype,
    device: torch.device,
    free_bytes: int,
    n_workers: int = 1,
) -> int:
    """Most tokens of one forward pass without gradients, with all adapters in memory.

    Args:
        config: The base model's.
        adapter_bytes: Of each adapter, in the compute type.
        dtype: Compute type.
        device: Where it runs.
        free_bytes: Memory that can still be had, the base model loaded.
        n_workers: Passes that run side by side.

    Raises:
        EnvironmentProblem: The adapters do not fit beside the smallest pass.
    """
    usable = int(free_bytes * HEADROOM)
    left = usable - sum(adapter_bytes) - n_workers * _head_bytes(config)
    per_token = n_workers * forward_bytes_per_token(config, dtype)
    tokens = DEFAULT_MICRO_TOKENS.get(device.type, 4096)
    while tokens > TYPICAL_ROW_TOKENS and tokens * per_token > left:
        tokens //= 2
    if tokens * per_token > left:
        need = usable - left + tokens * per_token
        raise EnvironmentProblem(
            f"{len(adapter_bytes)} adapters and one pass need about {need / 2**30:.1f} GiB beside the model, "
            f"{usable / 2**30:.1f} GiB can be used; score fewer adapters at once, or take a smaller model"
        )
    return tokens


def forward_bytes_per_token(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """What one token needs in a forward pass without gradients: one layer at a time, beside the residual stream.

    Twice the stream (before and after a block) and the final states; the normalised input; queries, keys, values and
    the mixed values twice over; gate, up and their product, in the compute type.
    """
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    in_dtype = config.hidden_size + 4 * (heads + kv_heads) * head_dim + 3 * config.intermediate_size
    return int(3 * config.hidden_size * max(4, dtype.itemsize) + in_dtype * dtype.itemsize)


def activation_bytes_per_token(config: PreTrainedConfig, dtype: torch.dtype, row_length: int) -> int:
    """What the backward pass needs of one token, over all layers.

    Counted from `packed_ops`: two residual tensors in float32; two normalised inputs, gate and up, what rotary
    positions and attention keep of queries, keys and values, and the probabilities of every head over the row, in the
    compute type. Attention keeps padded cells, as many in a micro-batch as tokens are allowed: an upper bound.
    """
    stream = max(4, dtype.itemsize)
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    stream_copies = (2 * heads + 2 * kv_heads) * head_dim * 2
    grid_copies = (heads + 2 * kv_heads) * head_dim
    per_layer = (
        2 * config.hidden_size * stream
        + (2 * config.hidden_size + stream_copies + 2 * config.intermediate_size) * dtype.itemsize
        + (grid_copies + heads * row_length) * dtype.itemsize
    )
    transient = 4 * config.intermediate_size * dtype.itemsize
    return int(config.num_hidden_layers * per_layer + transient)


def _head_bytes(config: PreTrainedConfig) -> int:
    """The chunk of logits, in float32 and twice over."""
    return int(CHUNK_TOKENS * config.vocab_size * 4 * 2)
