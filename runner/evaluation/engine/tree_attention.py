"""Attention over a token tree that several slots share.

The stream is cut into blocks of queries; a block sees the trunk that leads to it and itself, under one mask. Blocks are
whole subtrees where they are small enough, so little of what a block computes is masked away.

Shapes: K slots, T tokens of the tree, Q queries of a block, M keys it sees, H query heads, G key/value heads,
D head size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

BLOCK_TOKENS = 128
"""Queries of a block. Our choice: large enough for few calls, small enough that siblings seldom see masked keys."""


class _Block(NamedTuple):
    start: int
    stop: int
    keys_M: Tensor


class TreeAttention:
    """Attention of `n_slots` copies of a tree that lie behind each other in the stream.

    Args:
        ends: One past the last token that sees this one, as in `TokenTree`.
        positions: Of each token in its sequence.
        n_slots: Copies.
        device: Where it runs.
    """

    def __init__(self, ends: Sequence[int], positions: Sequence[int], n_slots: int, device: torch.device) -> None:
        self._n_slots = n_slots
        self._ends_T = torch.tensor(ends, device=device)
        self._positions_T = torch.tensor(positions, device=device)
        self._blocks = [_Block(a, b, self._seen_from(a, b)) for a, b in _cut(ends)]
        self._masks: dict[tuple[int, int | None, torch.dtype], list[Tensor]] = {}

    def __call__(
        self, query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, *, layer: int, scale: float, window: int | None
    ) -> Tensor:
        """As in `runner.training.packed_model.Attention`, for T tokens of all slots."""
        del layer  # nothing is kept between layers
        n_heads, n_groups = query_THD.shape[1], key_TGD.shape[1]
        fold = n_heads // n_groups
        query, key, value = (x.view(self._n_slots, -1, *x.shape[1:]) for x in (query_THD, key_TGD, value_TGD))
        out = torch.empty_like(query)
        for block, mask in zip(self._blocks, self._masks_of(fold, window, query.dtype), strict=True):
            size = block.stop - block.start
            # Query heads of one key/value head stand below each other: keys need no copy for each of them.
            q = query[:, block.start : block.stop].view(self._n_slots, size, n_groups, fold, -1)
            q = q.permute(0, 2, 3, 1, 4).flatten(2, 3)
            k, v = (x.index_select(1, block.keys_M).transpose(1, 2) for x in (key, value))
            mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
            mixed = mixed.view(self._n_slots, n_groups, fold, size, -1).permute(0, 3, 1, 2, 4)
            out[:, block.start : block.stop] = mixed.flatten(2, 3)
        return out.view_as(query_THD)

    def _seen_from(self, start: int, stop: int) -> Tensor:
        trunk = torch.nonzero(self._ends_T[:start] > start).squeeze(1)
        return torch.cat([trunk, torch.arange(start, stop, device=trunk.device)])

    def _masks_of(self, fold: int, window: int | None, dtype: torch.dtype) -> list[Tensor]:
        """What is added to the scores of each block, `(fold * Q, M)`: made once for all layers that are alike."""
        wanted = (fold, window, dtype)
        if wanted not in self._masks:
            self._masks[wanted] = [self._mask(block, window, dtype).repeat(fold, 1) for block in self._blocks]
        return self._masks[wanted]

    def _mask(self, block: _Block, window: int | None, dtype: torch.dtype) -> Tensor:
        queries_Q1 = torch.arange(block.start, block.stop, device=block.keys_M.device)[:, None]
        seen_QM = (block.keys_M <= queries_Q1) & (queries_Q1 < self._ends_T[block.keys_M])
        if window is not None:
            distance_QM = self._positions_T[block.start : block.stop, None] - self._positions_T[block.keys_M]
            seen_QM &= distance_QM < window
        return torch.zeros_like(seen_QM, dtype=dtype).masked_fill_(~seen_QM, -torch.inf)


def _cut(ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Blocks `[start, stop)` of at most `BLOCK_TOKENS`, cut between subtrees where these are small enough."""
    start = token = 0
    while token < len(ends):
        after = ends[token] if ends[token] - token <= BLOCK_TOKENS else token + 1
        if after - start > BLOCK_TOKENS:
            yield start, token
            start = token
        token = after
    yield start, len(ends)
