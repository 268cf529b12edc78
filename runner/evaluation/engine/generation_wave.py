"""One wave: some prompts under some slots, from the prompts to the last token.

Rows are ordered by slot, so each adapter acts on one slice of every step.

Shapes: N rows of a step, M rows of a prefill pass, L their longest, T tokens of the stream, I hidden size,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from runner.evaluation.engine.generation_cache import KeyValueCache
from runner.evaluation.engine.generation_rows import Writer
from runner.evaluation.engine.likelihood import tree_stream
from runner.evaluation.engine.passes import Pass, plan_passes
from runner.evaluation.engine.tree import TokenTree, plant, sorted_indices
from runner.evaluation.requests import LikelihoodRequest
from runner.training.adapters import PackedAdapter
from runner.training.layout import Segment
from runner.training.packed_model import PackedModel, Stream


class Wave:
    """The rows of `slots` times `prompts`, in this order.

    Args:
        model: The patched base model.
        adapters: The adapter of each slot; a slot without one runs the base model.
        slots: In ascending order.
        prompts: Tokens.
        worker: Whose adapters' views are used.
    """

    def __init__(
        self,
        model: PackedModel,
        adapters: Mapping[int, PackedAdapter],
        slots: Sequence[int],
        prompts: Sequence[tuple[int, ...]],
        worker: int = 0,
    ) -> None:
        self._model, self._adapters, self._worker = model, adapters, worker
        self._slots, self._prompts = slots, prompts

    def write(self, writer: Writer, *, n_beams: int, n_columns: int, max_tokens: int) -> None:
        """Lets `writer` write until it has all answers.

        Args:
            writer: Has one row or search for each row.
            n_beams: Rows that a row may become.
            n_columns: Most tokens of a row, its prompt included.
            max_tokens: Most tokens of one forward pass over prompts.
        """
        n_rows = len(self._slots) * len(self._prompts)
        cache = KeyValueCache(n_rows, n_rows * n_beams, n_columns)
        hidden_NI = self._prefill(cache, max_tokens)
        slots = [slot for slot in self._slots for _ in self._prompts]
        lengths = [len(prompt) for prompt in self._prompts] * len(self._slots)
        while (move := writer.advance(self._logits(hidden_NI))).parents:
            cache.select(move.parents)
            slots = [slots[parent] for parent in move.parents]
            positions = [lengths[parent] for parent in move.parents]
            hidden_NI = self._step(cache, move.token_ids, positions, slots)
            lengths = [position + 1 for position in positions]

    def _prefill(self, cache: KeyValueCache, max_tokens: int) -> Tensor:
        """Final hidden states of the prompts' last tokens, `(N, I)`; their keys and values are in the cache then."""
        # A token to predict after each prompt makes a request of it.
        requests = [LikelihoodRequest((*prompt, 0), len(prompt)) for prompt in self._prompts]
        last: dict[int, Tensor] = {}
        for part in plan_passes(requests, sorted_indices(requests), range(len(self._slots)), max_tokens):
            rows, hidden_MI = self._prefill_part(cache, requests, part)
            last.update(zip(rows, hidden_MI, strict=True))
        return torch.stack([last[row] for row in range(len(last))])

    def _prefill_part(
        self, cache: KeyValueCache, requests: Sequence[LikelihoodRequest], part: Pass
    ) -> tuple[list[int], Tensor]:
        """Rows of the part and the final hidden states of their last tokens; `part.slots` are places in the wave."""
        tree = plant(requests, part.requests)
        paths = list(_paths(tree))
        longest = max(map(len, paths))
        copies = [i * len(tree.token_ids) for i in range(len(part.slots))]
        device = self._model.device
        tokens_ML = torch.tensor(
            [[first + t for t in (*path, *[path[-1]] * (longest - len(path)))] for first in copies for path in paths],
            device=device,
        )
        rows = [slot * len(requests) + scored.request for slot in part.slots for scored in tree.scored]
        stream = tree_stream(tree, [self._slots[i] for i in part.slots], device)
        stream = stream._replace(attention=cache.fill(stream.attention, torch.tensor(rows, device=device), tokens_ML))
        hidden_TI = self._model.hidden(stream, self._adapters, worker=self._worker)
        return rows, hidden_TI.index_select(0, tokens_ML[:, -1])

    def _step(
        self, cache: KeyValueCache, token_ids: Sequence[int], positions: Sequence[int], slots: Sequence[int]
    ) -> Tensor:
        device = self._model.device
        stream = Stream(
            torch.tensor(token_ids, device=device),
            torch.tensor(positions, device=device),
            tuple(_segments(slots)),
            cache.extend(positions, device),
        )
        return self._model.hidden(stream, self._adapters, worker=self._worker)

    @torch.no_grad()
    def _logits(self, hidden_NI: Tensor) -> Tensor:
        """Float32 `(N, V)`."""
        return (hidden_NI.to(self._model.compute_dtype) @ self._model.output_weight.T).float()


def _paths(tree: TokenTree) -> Iterator[list[int]]:
    """Places in the stream of each request's tokens, in the order of `tree.scored`."""
    path: list[int] = []
    done = 0
    for scored in tree.scored:
        path = [t for t in path if tree.ends[t] > scored.place]
        path += [t for t in range(done, scored.place + 1) if tree.ends[t] > scored.place]
        done = max(done, scored.place + 1)
        yield path


def _segments(slots: Sequence[int]) -> Iterator[Segment]:
    start = 0
    for slot, group in groupby(slots):
        stop = start + len(list(group))
        yield Segment(slot, start, stop)
        start = stop
