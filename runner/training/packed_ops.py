"""The differentiable operations of a packed forward pass.

Each trial's low-rank pair acts on its own slice of the token stream and never on another's, so a trial whose numbers
overflow cannot reach its neighbours, not even through 0 * NaN.

The adapter's output is written first and the base product accumulates onto it inside the matmul (`addmm`), so the sum
is rounded once. Adding a small update to a base output that was already rounded to bfloat16 would swallow it, and bend
the left wing of every U-curve (docs/decisions/0002-precision.md).

Shapes: T tokens, I inputs, O outputs, R rank, N rows, L longest row, H query heads, G key/value heads, D head size.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from runner.training.adapters import Pair
from runner.training.layout import MicroBatch


class Part(NamedTuple):
    """One trial's low-rank pair on its slice `[start, stop)` of the tokens."""

    start: int
    stop: int
    pair: Pair
    scale: float
    keep_TI: Tensor | None
    """Dropout mask on the adapter's input, already divided by the keep probability."""

    def input(self, x_TI: Tensor) -> Tensor:
        """The adapter's input: this slice of `x_TI`, after dropout."""
        x = x_TI[self.start : self.stop]
        return x if self.keep_TI is None else x * self.keep_TI


class Weight(NamedTuple):
    """A frozen linear map with the parts that adapt it."""

    weight_OI: Tensor
    bias_O: Tensor | None
    parts: Sequence[Part]


def linear_forward(x_TI: Tensor, weight: Weight) -> tuple[Tensor, list[Tensor]]:
    """The adapted output `(T, O)` and each part's scaled low-rank activations `(slice, R)`."""
    out_TO = x_TI.new_empty(x_TI.shape[0], weight.weight_OI.shape[0])
    low_rank = []
    covered = 0
    for part in weight.parts:
        out_TO[covered : part.start].zero_()
        z_TR = (part.input(x_TI) @ part.pair.a.T).mul_(part.scale)
        torch.mm(z_TR, part.pair.b.T, out=out_TO[part.start : part.stop])
        low_rank.append(z_TR)
        covered = part.stop
    out_TO[covered:].zero_()
    out_TO.addmm_(x_TI, weight.weight_OI.T)
    if weight.bias_O is not None:
        out_TO.add_(weight.bias_O)
    return out_TO, low_rank


def linear_backward(
    grad_TO: Tensor, x_TI: Tensor, low_rank: Sequence[Tensor], weight: Weight, onto_TI: Tensor | None = None
) -> Tensor:
    """The gradient of the input `(T, I)`, added to `onto_TI` in place if given; pairs get their gradients too."""
    grad_x_TI = torch.zeros_like(x_TI) if onto_TI is None else onto_TI
    for part, z_TR in zip(weight.parts, low_rank, strict=True):
        grad_out = grad_TO[part.start : part.stop]
        grad_z_TR = (grad_out @ part.pair.b).mul_(part.scale)
        part.pair.grad_b.add_((z_TR.T @ grad_out).T)
        part.pair.grad_a.add_(grad_z_TR.T @ part.input(x_TI))
        grad_part = grad_x_TI[part.start : part.stop]
        if part.keep_TI is None:
            grad_part.addmm_(grad_z_TR, part.pair.a)
        else:
            grad_part.add_((grad_z_TR @ part.pair.a).mul_(part.keep_TI))
    return grad_x_TI.addmm_(grad_TO, weight.weight_OI)


class PackedLinear(torch.autograd.Function):
    """A frozen linear map plus every trial's low-rank pair."""

    @staticmethod
    def forward(ctx: Any, x_TI: Tensor, weight: Weight) -> Tensor:  # noqa: ANN401 - torch gives the context no type
        out_TO, low_rank = linear_forward(x_TI, weight)
        ctx.weight = weight
        ctx.save_for_backward(x_TI, *low_rank)
        return out_TO

    @staticmethod
    def backward(ctx: Any, grad_TO: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        x_TI, *low_rank = ctx.saved_tensors
        return linear_backward(grad_TO, x_TI, low_rank, ctx.weight), None


class PackedGatedMlp(torch.autograd.Function):
    """down(silu(gate(x)) * up(x)) with adapters; keeps gate and up, recomputes their product in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x_TI: Tensor, gate: Weight, up: Weight, down: Weight) -> Tensor:  # noqa: ANN401
        gate_TO, gate_z = linear_forward(x_TI, gate)
        up_TO, up_z = linear_forward(x_TI, up)
        out_TI, down_z = linear_forward(functional.silu(gate_TO).mul_(up_TO), down)
        ctx.weights = (gate, up, down)
        ctx.n_parts = (len(gate_z), len(up_z))
        ctx.save_for_backward(x_TI, gate_TO, up_TO, *gate_z, *up_z, *down_z)
        return out_TI

    @staticmethod
    def backward(ctx: Any, grad_TI: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        x_TI, gate_TO, up_TO, *low_rank = ctx.saved_tensors
        n_gate, n_up = ctx.n_parts
        gate, up, down = ctx.weights
        silu_TO = functional.silu(gate_TO)
        product_grad_TO = linear_backward(grad_TI, silu_TO * up_TO, low_rank[n_gate + n_up :], down)
        up_grad_TO = silu_TO.mul_(product_grad_TO)
        gate_grad_TO = torch.ops.aten.silu_backward(product_grad_TO.mul_(up_TO), gate_TO)
        grad_x_TI = linear_backward(up_grad_TO, x_TI, low_rank[n_gate : n_gate + n_up], up)
        return linear_backward(gate_grad_TO, x_TI, low_rank[:n_gate], gate, onto_TI=grad_x_TI), None, None, None


class RmsNorm(torch.autograd.Function):
    """x / rms(x) * weight, from the stream's type to the compute type (Zhang & Sennrich 2019, arXiv:1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x_TI: Tensor, weight_I: Tensor, eps: float, dtype: torch.dtype) -> Tensor:  # noqa: ANN401
        norm_T1 = torch.linalg.vector_norm(x_TI, dim=-1, keepdim=True)
        rstd_T1 = norm_T1.square_().div_(x_TI.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x_TI, rstd_T1, weight_I)
        out_TI: Tensor = (x_TI * rstd_T1).mul_(weight_I)
        return out_TI.to(dtype)

    @staticmethod
    def backward(ctx: Any, grad_TI: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        x_TI, rstd_T1, weight_I = ctx.saved_tensors
        grad_hat_TI = grad_TI * weight_I
        mean_T1 = torch.linalg.vecdot(grad_hat_TI, x_TI).unsqueeze_(-1).mul_(rstd_T1.square()).div_(x_TI.shape[-1])
        return grad_hat_TI.addcmul_(x_TI, mean_T1, value=-1).mul_(rstd_T1), None, None, None


class CausalAttention(torch.autograd.Function):
    """Softmax attention inside each row; explicit, because fused CPU backward passes are several times slower here.

    Args (of apply):
        query_THD, key_TGD, value_TGD: Token streams; H is a multiple of G (grouped queries share a key/value head).
        micro: Where the rows are.
        scale: Factor on the scores.
        window: A token sees at most this many tokens back, itself included; None for no limit.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        query_THD: Tensor,
        key_TGD: Tensor,
        value_TGD: Tensor,
        micro: MicroBatch,
        scale: float,
        window: int | None,
    ) -> Tensor:
        n_rows, n_columns = micro.padded_index_NL.shape
        n_groups = key_TGD.shape[1]
        query = _to_grid(query_THD.mul(scale), micro, n_groups)  # (N*G, H/G*L, D)
        key = _to_grid(key_TGD, micro, n_groups)  # (N*G, L, D)
        value = _to_grid(value_TGD, micro, n_groups)
        scores = torch.bmm(query, key.transpose(1, 2)).view(n_rows, -1, n_columns, n_columns)
        # A cell beyond a row's end is later than every real token: the causal mask hides it too.
        scores.masked_fill_(_hidden(n_columns, window, scores.device), -torch.inf)
        probabilities = torch.softmax(scores, dim=-1).view(query.shape[0], -1, n_columns)
        out = torch.bmm(probabilities, value)
        ctx.save_for_backward(query, key, value, probabilities)
        ctx.micro, ctx.scale = micro, scale
        return _to_stream(out, micro, query_THD.shape[1])

    @staticmethod
    def backward(ctx: Any, grad_THD: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        query, key, value, probabilities = ctx.saved_tensors
        micro: MicroBatch = ctx.micro
        n_groups = key.shape[0] // len(micro.row_lengths)
        grad_out = _home_cells(grad_THD, micro, n_groups)
        grad_value = torch.bmm(probabilities.transpose(1, 2), grad_out)
        grad_probabilities = torch.bmm(grad_out, value.transpose(1, 2))
        grad_scores = torch.ops.aten._softmax_backward_data(grad_probabilities, probabilities, -1, query.dtype)
        grad_query = torch.bmm(grad_scores, key)
        grad_key = torch.bmm(grad_scores.transpose(1, 2), query)
        return (
            _to_stream(grad_query, micro, grad_THD.shape[1]).mul_(ctx.scale),
            _sum_to_stream(grad_key, micro, n_groups),
            _sum_to_stream(grad_value, micro, n_groups),
            None,
            None,
            None,
        )


def _to_grid(stream_THD: Tensor, micro: MicroBatch, n_groups: int) -> Tensor:
    """`(T, H, D)` as `(N*G, H/G*L, D)`: every cell gets its token."""
    return _fold(stream_THD.index_select(0, micro.padded_index_NL.flatten()), micro, n_groups)


def _home_cells(stream_THD: Tensor, micro: MicroBatch, n_groups: int) -> Tensor:
    """`(T, H, D)` as `(N*G, H/G*L, D)`: each token in its home cell only, zero elsewhere."""
    cells = stream_THD.new_zeros(micro.padded_index_NL.numel(), *stream_THD.shape[1:])
    return _fold(cells.index_copy_(0, micro.cell_of_token_T, stream_THD), micro, n_groups)


def _fold(cells: Tensor, micro: MicroBatch, n_groups: int) -> Tensor:
    n_rows, n_columns = micro.padded_index_NL.shape
    _, n_heads, size = cells.shape
    grid = cells.view(n_rows, n_columns, n_groups, n_heads // n_groups, size).permute(0, 2, 3, 1, 4)
    return grid.reshape(n_rows * n_groups, -1, size)


def _to_stream(grid: Tensor, micro: MicroBatch, n_heads: int) -> Tensor:
    """`(N*G, H/G*L, D)` as `(T, H, D)`: each token from its home cell."""
    return _unfold(grid, micro, n_heads).index_select(0, micro.cell_of_token_T)


def _sum_to_stream(grid: Tensor, micro: MicroBatch, n_heads: int) -> Tensor:
    """`(N*G, H/G*L, D)` as `(T, H, D)`: each token the sum of its cells, in float32 where a prefix is shared."""
    if len(micro.token_ids_T) == sum(micro.row_lengths):
        return _to_stream(grid, micro, n_heads)
    cells = _unfold(grid, micro, n_heads)
    total = torch.zeros(len(micro.token_ids_T), *cells.shape[1:], dtype=torch.float32, device=cells.device)
    # Cells beyond a row's end hold zeros: no query sees them.
    return total.index_add_(0, micro.padded_index_NL.flatten(), cells.float()).to(grid.dtype)


def _unfold(grid: Tensor, micro: MicroBatch, n_heads: int) -> Tensor:
    n_rows, n_columns = micro.padded_index_NL.shape
    return grid.view(n_rows, n_heads, n_columns, -1).transpose(1, 2).reshape(n_rows * n_columns, n_heads, -1)


def _hidden(n_columns: int, window: int | None, device: torch.device) -> Tensor:
    """True where column `k` is not visible from row `q`: `(L, L)`."""
    ones = torch.ones(n_columns, n_columns, dtype=torch.bool, device=device)
    later = ones.triu(1)
    return later if window is None else later | ones.tril(-window)
