"""Which token of a micro-batch belongs to which trial.

A micro-batch is a stream of T real tokens, without padding. Rows (sequences) that belong to one slot (the place of a
trial in the pack) stand next to each other, so that every per-trial computation is one contiguous slice. What all rows
of a slot begin with (a system prompt, a template) stands there once.

Shapes: T tokens of the micro-batch, N rows, L longest row, S scored tokens (the ones with a loss).
"""

from collections.abc import Container, Iterable, Sequence
from itertools import groupby
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
    """Token of each cell of the padded grid; a shared prefix is in several rows, cells beyond a row's end repeat its
    last token."""
    cell_of_token_T: Tensor
    """Cell (n * L + l) where each token is at home: one of those that hold it."""
    scored_index_S: Tensor
    """Tokens whose prediction has a loss."""
    targets_S: Tensor
    scored_segments: tuple[Segment, ...]
    """Scored tokens of each slot, in order, covering 0..S."""


def share_rows(rows: Iterable[Row], n_shares: int) -> list[list[Row]]:
    """Rows in at most `n_shares` lists of about equally many tokens, whole slots together as far as that goes.

    A slot that is cut in two has its common prefix computed twice and its low-rank products in smaller pieces.
    """
    ordered = sorted(rows, key=lambda r: r.slot)
    n_tokens = sum(len(r.token_ids) for r in ordered)
    shares: list[list[Row]] = [[] for _ in range(n_shares)]
    before = 0
    for row in ordered:
        middle = before + len(row.token_ids) / 2
        shares[min(int(middle * n_shares / n_tokens), n_shares - 1)].append(row)
        before += len(row.token_ids)
    return [share for share in shares if share]


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


def lay_out(
    rows: Sequence[Row], device: torch.device | str = "cpu", *, unshared_slots: Container[int] = ()
) -> MicroBatch:
    """The micro-batch of `rows`, ordered by slot.

    Args:
        rows: In any order.
        device: Where the tensors go.
        unshared_slots: Slots whose rows must not share their common prefix (dropout draws it anew for each row).
    """
    stream = _Stream()
    for slot, group in groupby(sorted(rows, key=lambda r: r.slot), key=lambda r: r.slot):
        stream.add_slot(slot, list(group), share=slot not in unshared_slots)
    return stream.micro_batch(device)


class _Stream:
    """Token stream under construction."""

    def __init__(self) -> None:
        self.token_ids: list[int] = []
        self.positions: list[int] = []
        self.labels: list[int] = []
        self.slots: list[int] = []
        self.cells: list[list[int]] = []
        """Stream index of each token of each row."""
        self.home: list[tuple[int, int]] = []
        """Row and column that a token's attention output is read from."""

    def add_slot(self, slot: int, rows: Sequence[Row], *, share: bool) -> None:
        """Appends the rows of one slot, what they have in common once."""
        n_shared = common_prefix(rows) if share else 0
        prefix = self._append(slot, rows[0], 0, n_shared)
        for row in rows:
            self.cells.append(prefix[:])
            self.cells[-1] += self._append(slot, row, n_shared, len(row.token_ids), row_index=len(self.cells) - 1)

    def _append(self, slot: int, row: Row, start: int, stop: int, row_index: int | None = None) -> list[int]:
        first = len(self.token_ids)
        self.token_ids += row.token_ids[start:stop]
        self.labels += row.labels[start:stop]
        self.positions += range(start, stop)
        self.slots += [slot] * (stop - start)
        home_row = len(self.cells) if row_index is None else row_index
        self.home += [(home_row, column) for column in range(start, stop)]
        return list(range(first, len(self.token_ids)))

    def micro_batch(self, device: torch.device | str) -> MicroBatch:
        """Everything as tensors."""
        n_columns = max(map(len, self.cells))
        labels_T, slots_T = torch.tensor(self.labels), torch.tensor(self.slots)
        scored_S = torch.nonzero(labels_T != IGNORED).squeeze(1)
        padded = [[*row, *[row[-1]] * (n_columns - len(row))] for row in self.cells]
        return MicroBatch(
            token_ids_T=torch.tensor(self.token_ids, device=device),
            position_ids_T=torch.tensor(self.positions, device=device),
            segments=_segments(slots_T),
            row_lengths=tuple(map(len, self.cells)),
            padded_index_NL=torch.tensor(padded, device=device),
            cell_of_token_T=torch.tensor([row * n_columns + column for row, column in self.home], device=device),
            scored_index_S=scored_S.to(device),
            targets_S=labels_T[scored_S].to(device),
            scored_segments=_segments(slots_T[scored_S]),
        )


def common_prefix(rows: Sequence[Row]) -> int:
    """Tokens that all rows begin with and that have no loss: the system prompt, most often.

    Their hidden states are the same in every row, so one copy serves them all; its gradient is the sum over the rows.
    """
    if len(rows) < 2:
        return 0
    n_shared = 0
    first = rows[0]
    longest = min(len(r.token_ids) for r in rows) - 1
    while n_shared < longest and all(
        r.token_ids[n_shared] == first.token_ids[n_shared] and r.labels[n_shared] == IGNORED for r in rows
    ):
        n_shared += 1
    return n_shared


def _segments(slots: Tensor) -> tuple[Segment, ...]:
    values, counts = torch.unique_consecutive(slots, return_counts=True)
    stops = counts.cumsum(0).tolist()
    return tuple(
        Segment(slot, stop - count, stop)
        for slot, count, stop in zip(values.tolist(), counts.tolist(), stops, strict=True)
    )
