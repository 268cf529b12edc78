"""A tokenizer with one token per byte and an engine whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runner.data.examples import Message
from runner.evaluation.benchmark import Decoding
from runner.evaluation.requests import Generation, LikelihoodRequest, Likelihoods, Progress

PREFIX = 256


class ByteTokenizer:
    """One token per UTF-8 byte; `templated` ones render conversations with tags, others have no chat template."""

    prefix_token_id = PREFIX

    def __init__(self, *, templated: bool = True) -> None:
        self._templated = templated

    def encode(self, text: str) -> Sequence[int]:
        return list(text.encode())

    def chat(self, messages: Sequence[Message]) -> str | None:
        turns = "".join(f"<{message.role}>{message.content}" for message in messages)
        return f"{turns}<assistant>\n" if self._templated else None


def text_of(token_ids: Sequence[int]) -> str:
    """The text of byte tokens, the prefix token left out."""
    return bytes(token for token in token_ids if token != PREFIX).decode()


class KnownEngine:
    """Answers each request with what a function of slot, context and continuation says."""

    def __init__(
        self,
        likelihood: Callable[[int, str, str], float] | None = None,
        writer: Callable[[int, str], str] | None = None,
        slots: Sequence[str] = ("base",),
        context_length: int = 2048,
    ) -> None:
        self._likelihood, self._writer = likelihood, writer
        self.slots = slots
        self.context_length = context_length

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], progress: Progress | None = None) -> Likelihoods:
        assert self._likelihood is not None
        answer = self._likelihood
        values = [
            [
                answer(slot, text_of(one.token_ids[: one.n_context]), text_of(one.token_ids[one.n_context :]))
                for one in requests
            ]
            for slot in range(len(self.slots))
        ]
        if progress:
            progress(len(requests), len(requests))
        return Likelihoods(np.array(values), np.zeros((len(self.slots), len(requests)), dtype=bool))

    def generate(
        self,
        prompts: Sequence[tuple[int, ...]],
        decoding: Decoding,
        progress: Progress | None = None,
    ) -> list[list[Generation]]:
        assert self._writer is not None
        write = self._writer
        if progress:
            progress(len(prompts), len(prompts))
        return [
            [
                Generation(tuple(text.encode())[: decoding.max_new_tokens], text, "eos")
                for text in (write(slot, text_of(prompt)) for prompt in prompts)
            ]
            for slot in range(len(self.slots))
        ]
