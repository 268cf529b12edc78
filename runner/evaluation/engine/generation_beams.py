"""Beam search: the rows of a wave in groups, one group a prompt.

A finished text scores the mean log-probability of its new tokens, its end included (length penalty 1). Ties go to the
beam that was ranked higher, then to the smaller token id.

Source: `GenerationMixin._beam_search` of transformers 5.23 with its defaults (`length_penalty=1`,
`early_stopping=False`): a search ends when as many texts as it has beams have finished and the best beam, at its
present length, is no better than the worst of them.

Shapes: N rows still writing, B beams of one prompt, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from runner.evaluation.engine.generation_endings import EndedBy, Endings
from runner.evaluation.engine.generation_rows import Move, Start, is_finite
from runner.evaluation.requests import Generation


class Beam(NamedTuple):
    """Tokens written so far and the sum of their log-probabilities (nats)."""

    token_ids: tuple[int, ...]
    log_likelihood: float

    @property
    def score(self) -> float:
        """Nats per token."""
        return self.log_likelihood / len(self.token_ids)


class BeamWriter:
    """Implements `runner.evaluation.engine.generation_rows.Writer`.

    Args:
        starts: One per prompt.
        n_beams: Width of each search.
        endings: Where texts end.
    """

    def __init__(self, starts: Sequence[Start], n_beams: int, endings: Endings) -> None:
        self.answers: list[Generation | None] = [None] * len(starts)
        self.searches = [Search(start.n_most, n_beams, endings) for start in starts]

    def advance(self, logits_NV: Tensor) -> Move:
        """As in `Writer`; a prompt begins with one row and goes on with as many as it has beams."""
        move = Move([], [])
        first = 0
        for i, search in enumerate(self.searches):
            if self.answers[i] is not None:
                continue
            n_rows = len(search.beams)
            for beam, token in search.advance(logits_NV[first : first + n_rows]):
                move.parents.append(first + beam)
                move.token_ids.append(token)
            self.answers[i] = search.answer
            first += n_rows
        return move


class Search:
    """The beam search after one prompt under one adapter."""

    def __init__(self, n_most: int, n_beams: int, endings: Endings) -> None:
        self._n_most, self._n_beams, self._endings = n_most, n_beams, endings
        # An end of sequence may be the best continuation of every beam: enough others must be at hand.
        self._n_candidates = max(2, 1 + len(endings.eos_ids)) * n_beams
        self.beams = [Beam((), 0.0)]
        self.finished: list[tuple[Beam, EndedBy]] = []
        """The best ones, best first."""
        self.answer: Generation | None = None

    def advance(self, logits_BV: Tensor) -> list[tuple[int, int]]:
        """Beam and new token of each beam that goes on, best first."""
        if not all(is_finite(logits_BV)):
            self.answer = self._endings.answer(self.beams[0].token_ids, "broken")
            return []
        going_on: list[tuple[int, int]] = []
        beams: list[Beam] = []
        for rank, (parent, token, log_likelihood) in enumerate(self._candidates(logits_BV)):
            beam = Beam((*self.beams[parent].token_ids, token), log_likelihood)
            reason = self._endings.reason(beam.token_ids, self._n_most)
            if reason is not None and rank < self._n_beams:
                self.finished.append((beam, reason))
            elif reason is None and len(beams) < self._n_beams:
                going_on.append((parent, token))
                beams.append(beam)
        self.finished = sorted(self.finished, key=lambda done: -done[0].score)[: self._n_beams]
        self.beams = beams
        return [] if self._has_ended() else going_on

    def _candidates(self, logits_BV: Tensor) -> Iterator[tuple[int, int, float]]:
        """Beam, token and sum of log-probabilities of the likeliest continuations, best first."""
        past_B = torch.tensor([beam.log_likelihood for beam in self.beams], device=logits_BV.device)
        total = (torch.log_softmax(logits_BV, dim=1) + past_B[:, None]).flatten()
        least = total.topk(min(self._n_candidates, len(total))).values[-1]
        # topk leaves open which of several equal ones it takes.
        places = torch.nonzero(total >= least).squeeze(1)
        order = total[places].sort(descending=True, stable=True).indices[: self._n_candidates]
        for place in places[order].tolist():
            yield place // logits_BV.shape[1], place % logits_BV.shape[1], float(total[place])

    def _has_ended(self) -> bool:
        if self.beams:
            is_full = len(self.finished) == self._n_beams
            if not is_full or self.beams[0].score > self.finished[-1][0].score:
                return False
        best, reason = self.finished[0]
        self.answer = self._endings.answer(best.token_ids, reason)
        return True
