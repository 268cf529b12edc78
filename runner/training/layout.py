"""Which token of a micro-batch belongs to which trial.

A micro-batch is a stream of T real tokens, without padding. Rows (sequences) that belong to one slot (the place of a
trial in the pack) stand next to each other, so that every per-trial computation is one contiguous slice.

Shapes: T tokens of the micro-batch, N rows, L longest row, S scored tokens (the ones with a loss).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

IGNORED = -100  # label of a token without a loss, as in torch.nn.functional.cross_entropy


class Row(NamedTuple):
    """One sequence of one trial's batch; `labels[t]` is the target of position t, or `IGNORED`."""

    slot: int
    token_ids: Sequence[int]
    labels: Sequence[int]


class Segment(NamedTuple):
    """The half-open slice `[start, stop)` that belongs to `slot`."""

    slot: int
    start: int
    stop: int


class MicroBatch(NamedTuple):
    """Rows laid out for one forward pass."""

    token_ids_T: Tensor
    position_ids_T: Tensor
    segments: tuple[Segment, ...]
    """Tokens of each slot, in order, covering 0..T."""
    row_lengths: tuple[int, ...]
    padded_index_NL: Tensor
    """Token of each cell of the padded grid; cells beyond a row's end repeat its last token."""
    cell_of_token_T: Tensor
    """Cell (n * L + l) of each token: the inverse of `padded_index_NL`."""
    scored_index_S: Tensor
    """Tokens whose prediction has a loss."""
    targets_S: Tensor
    scored_segments: tuple[Segment, ...]
    """Scored tokens of each slot, in order, covering 0..S."""


def split_rows(rows: Iterable[Row], max_tokens: int) -> list[list[Row]]:
    """Rows in micro-batches of at most `max_tokens` padded tokens (a longer row gets one of its own).

    Rows of similar length share a micro-batch, so attention pads next to nothing.
    """
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda r: len(r.token_ids), reverse=True):
        # The first row of a group is its longest: it sets the padded width.
        if groups and len(groups[-1][0].token_ids) * (len(groups[-1]) + 1) <= max_tokens:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def lay_out(rows: Sequence[Row], device: torch.device | str = "cpu") -> MicroBatch:
    """The micro-batch of `rows`, ordered by slot."""
    rows = sorted(rows, key=lambda r: r.slot)
    lengths = tuple(len(r.token_ids) for r in rows)
    labels_T = torch.tensor([label for r in rows for label in r.labels])
    slots_T = torch.tensor([r.slot for r in rows for _ in r.token_ids])
    scored_S = torch.nonzero(labels_T != IGNORED).squeeze(1)
    n_columns = max(lengths)
    starts_N = torch.tensor([0, *lengths[:-1]]).cumsum(0)
    lengths_N = torch.tensor(lengths)
    columns_L = torch.arange(n_columns)
    padded_NL = starts_N[:, None] + torch.minimum(columns_L[None], lengths_N[:, None] - 1)
    real_NL = columns_L[None] < lengths_N[:, None]
    return MicroBatch(
        token_ids_T=torch.tensor([t for r in rows for t in r.token_ids], device=device),
        position_ids_T=torch.cat([columns_L[:n] for n in lengths]).to(device),
        segments=_segments(slots_T),
        row_lengths=lengths,
        padded_index_NL=padded_NL.to(device),
        cell_of_token_T=torch.nonzero(real_NL.flatten()).squeeze(1).to(device),
        scored_index_S=scored_S.to(device),
        targets_S=labels_T[scored_S].to(device),
        scored_segments=_segments(slots_T[scored_S]),
    )


def _segments(slots: Tensor) -> tuple[Segment, ...]:
    values, counts = torch.unique_consecutive(slots, return_counts=True)
    stops = counts.cumsum(0).tolist()
    return tuple(
        Segment(slot, stop - count, stop)
        for slot, count, stop in zip(values.tolist(), counts.tolist(), stops, strict=True)
    )
