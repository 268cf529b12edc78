"""A transformers tokenizer as planning wants it; encodes as lm-evaluation-harness does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.data.examples import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ModelTokenizer:
    """Encodes texts with the tokenizer's own special tokens.

    Source: lm-evaluation-harness 0.4.13, `HFLM.tok_encode` and `HFLM.prefix_token_id`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    @property
    def prefix_token_id(self) -> int:
        """The token that begins a sequence, else the one that ends it; 0 where there is neither."""
        ids = (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id)
        return next((int(token_id) for token_id in ids if token_id is not None), 0)

    def encode(self, text: str) -> Sequence[int]:
        """The tokens of a text; one that begins with the prefix token's text gets no second one."""
        begun = text.startswith(self._tokenizer.decode(self.prefix_token_id))
        return list(self._tokenizer.encode(text, add_special_tokens=not begun))

    def chat(self, messages: Sequence[Message]) -> str | None:
        """The conversation in the model's chat template; None where it has none."""
        if not self._tokenizer.chat_template:
            return None
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
