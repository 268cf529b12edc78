"""A model of the harness that gives the answers of one slot at a time, having asked all of them at once."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM

from runner.evaluation.harness.asking import Asking, BySlot, Encoded


class PackedModel(TemplateLM):  # type: ignore[misc] # the harness has no types
    """The first slot that is asked has the whole pack answer; the others remember.

    Attributes:
        slot: Place of the slot whose answers are given.
        broken: By slot, the tasks for which its numbers broke.
    """

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self.slot = 0
        self.broken: defaultdict[int, set[str]] = defaultdict(set)
        self.tokenizer = asking.encoding.tokenizer
        self._asking, self._encoding = asking, asking.encoding
        self._answers: dict[tuple[str, bytes], BySlot[Any]] = {}

    @property
    def eot_token_id(self) -> int:
        """The token that ends a sequence."""
        return self._encoding.end_token_id

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without a context."""
        return self._encoding.prefix_token_id

    @property
    def tokenizer_name(self) -> str:
        """What the harness tells tokenizers apart by."""
        return str(self.tokenizer.name_or_path)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: object) -> list[int]:
        """The tokens of a text."""
        return self._encoding.encode(string, add_special_tokens)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as text."""
        return self._encoding.chat(chat_history, add_generation_prompt)

    def loglikelihood(self, requests: Sequence[Instance], **_: object) -> list[tuple[float, bool]]:
        """Log-likelihood (nats) of each continuation after its context, and whether it is the greedy one."""
        answers: list[tuple[float, bool]] = self._answer(
            "loglikelihood", requests, lambda: TemplateLM.loglikelihood(self, requests, disable_tqdm=True)
        )
        self._note_broken(requests, [math.isnan(value) for value, _ in answers])
        return answers

    def _loglikelihood_tokens(self, requests: Sequence[Encoded], **_: object) -> BySlot[tuple[float, bool]]:
        return self._asking.score(requests)

    def loglikelihood_rolling(self, requests: Sequence[Instance], **_: object) -> list[float]:
        """Log-likelihood (nats) of each text."""
        answers: list[float] = self._answer(
            "loglikelihood_rolling", requests, lambda: self._asking.roll([request.args[0] for request in requests])
        )
        self._note_broken(requests, [math.isnan(value) for value in answers])
        return answers

    def generate_until(self, requests: Sequence[Instance], **_: object) -> list[str]:
        """What is written after each prompt."""
        answers: list[str | None] = self._answer("generate_until", requests, lambda: self._asking.write(requests))
        self._note_broken(requests, [answer is None for answer in answers])
        return ["" if answer is None else answer for answer in answers]

    def _answer(self, kind: str, requests: Sequence[Instance], ask: Callable[[], BySlot[Any]]) -> list[Any]:
        asked = repr([request.args for request in requests])
        key = (kind, hashlib.sha256(asked.encode(errors="surrogatepass")).digest())
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key][self.slot]

    def _note_broken(self, requests: Sequence[Instance], is_broken: Sequence[bool]) -> None:
        self.broken[self.slot] |= {str(r.task_name) for r, broken in zip(requests, is_broken, strict=True) if broken}
