"""What the engine is asked and what it answers; tokens only, no texts and no benchmarks.

A *slot* is the place of one adapter in the pack; a slot without an adapter is the base model. Every slot answers the
same requests. Shapes: K slots in the order of `Engine.slots`, R requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runner.evaluation.benchmark import Decoding

Progress: TypeAlias = Callable[[int, int], None]
"""Called with requests done and requests in all, over all slots."""


class LikelihoodRequest(NamedTuple):
    """Tokens of which those from `n_context` on are scored, given all before them; `1 <= n_context < len(token_ids)`.

    Requests whose token ids begin alike (choices of an item, a few-shot prompt) are computed once as far as they do.
    """

    token_ids: tuple[int, ...]
    n_context: int


class Likelihoods(NamedTuple):
    """Answers to `LikelihoodRequest`s."""

    log_likelihood_KR: NDArray[np.float64]
    """Sum over the scored tokens, nats; NaN where the adapter's numbers broke, in its own slot only."""
    is_greedy_KR: NDArray[np.bool_]
    """Whether every scored token was the likeliest one."""


class Generation(NamedTuple):
    """What a slot wrote for one prompt."""

    token_ids: tuple[int, ...]
    """Without the end-of-sequence token."""
    text: str
    """Decoded, cut before the first stop text."""
    ended_by: str
    """`eos`, `stop`, `length` (of the answer, or of the context), or `broken`: the adapter's numbers were no numbers
    any more, in its own slot only. What was written before is no answer to score as wrong."""


class Engine(Protocol):
    """Adapters over one frozen base model."""

    @property
    def slots(self) -> Sequence[str]:
        """Names of the slots (run ids; the base model has one of its own), in the order of all answers."""
        ...

    @property
    def context_length(self) -> int:
        """Most tokens the model can take."""
        ...

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], progress: Progress | None = None) -> Likelihoods:
        """The likelihood of every request under every slot."""
        ...

    def generate(
        self, prompts: Sequence[tuple[int, ...]], decoding: Decoding, progress: Progress | None = None
    ) -> list[list[Generation]]:
        """What each slot writes after each prompt: one list per slot, in the order of the prompts."""
        ...
