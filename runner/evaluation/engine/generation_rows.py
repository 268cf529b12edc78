"""Rows that write one token a step, each for itself.

Shapes: N rows still writing, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.generation_endings import Endings
from runner.evaluation.engine.generation_tokens import next_tokens
from runner.evaluation.requests import Generation


class Start(NamedTuple):
    """What a row begins with."""

    n_most: int
    """Most new tokens, at least one."""
    draws: NDArray[np.float64]
    """A uniform number for each step; empty when nothing is drawn."""


class Move(NamedTuple):
    """The rows of the next step, in the order of the rows they come from."""

    parents: list[int]
    """Which row of this step each one continues."""
    token_ids: list[int]


class Writer(Protocol):
    """Writes the answers of a wave's rows."""

    answers: list[Generation | None]
    """By row at the start; None while a row is being written."""

    def advance(self, logits_NV: Tensor) -> Move:
        """Takes the next tokens; no rows are left when all answers are there."""
        ...


class RowWriter:
    """Greedy decoding and sampling.

    Args:
        starts: One per row.
        decoding: How tokens are taken.
        endings: Where rows end.
    """

    def __init__(self, starts: Sequence[Start], decoding: Decoding, endings: Endings) -> None:
        self.answers: list[Generation | None] = [None] * len(starts)
        self._starts, self._decoding, self._endings = starts, decoding, endings
        self._written: list[list[int]] = [[] for _ in starts]
        self._active = list(range(len(starts)))

    def advance(self, logits_NV: Tensor) -> Move:
        """As in `Writer`."""
        is_sound = is_finite(logits_NV)
        sound = [i for i, fine in enumerate(is_sound) if fine]
        for row in (row for row, fine in zip(self._active, is_sound, strict=True) if not fine):
            self.answers[row] = self._endings.answer(self._written[row], "broken")
        move = Move([], [])
        for i, token in zip(sound, self._tokens(logits_NV, sound), strict=True):
            if self._goes_on(self._active[i], token):
                move.parents.append(i)
                move.token_ids.append(token)
        self._active = [self._active[i] for i in move.parents]
        return move

    def _tokens(self, logits_NV: Tensor, places: Sequence[int]) -> list[int]:
        rows = [self._active[i] for i in places]
        draws = [float(self._starts[row].draws[len(self._written[row])]) for row in rows if self._decoding.temperature]
        return next_tokens(logits_NV[places], self._decoding, draws) if places else []

    def _goes_on(self, row: int, token: int) -> bool:
        written = self._written[row]
        written.append(token)
        reason = self._endings.reason(written, self._starts[row].n_most)
        if reason is not None:
            self.answers[row] = self._endings.answer(written, reason)
        return reason is None


def is_finite(logits_NV: Tensor) -> list[bool]:
    """Which rows have numbers only."""
    return [bool(sound) for sound in torch.isfinite(logits_NV.amax(dim=1))]  # the maximum of NaN and numbers is NaN
