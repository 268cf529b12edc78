"""Texts as tokens and back, exactly as the harness's own model does it.

Source: lm-evaluation-harness 0.4.13, class `HFLM` (model `hf`); methods by name below.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2.exceptions import TemplateError
from lm_eval.models.utils import postprocess_generated_text
from transformers import PreTrainedTokenizerBase


class Encoding:
    """A model's tokenizer as the harness uses it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer

    @property
    def end_token_id(self) -> int:
        """The token that ends a sequence. Source: `eot_token_id`."""
        return int(self.tokenizer.eos_token_id)

    @property
    def end_text(self) -> str:
        """Its text, at which writing ends."""
        return str(self.tokenizer.decode(self.end_token_id))

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without a context. Source: the method of this name."""
        begin = self.tokenizer.bos_token_id
        return self.end_token_id if begin is None else int(begin)

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """The tokens of a text; one that begins as the prefix token does gets no second one. Source: `tok_encode`."""
        if add_special_tokens is None:
            add_special_tokens = not text.startswith(self.tokenizer.decode(self.prefix_token_id))
        return list(self.tokenizer.encode(text, add_special_tokens=add_special_tokens))

    def encode_prompt(self, text: str) -> tuple[int, ...]:
        """The tokens of what is written on after. Source: `tok_batch_encode`."""
        begin = self.tokenizer.bos_token
        begun = begin is not None and text.startswith(begin)
        return tuple(self.tokenizer.encode(text, add_special_tokens=not begun)) or (self.prefix_token_id,)

    def decode(self, token_ids: Sequence[int], until: Sequence[str]) -> str:
        """What was written, up to the first of the texts that end it. Source: `generate_until`."""
        text = self.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return str(postprocess_generated_text(text, list(until), None))

    def chat(self, turns: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as text; a template that knows no system turn gets none. Source: `apply_chat_template`."""
        try:
            return self._rendered(turns, add_generation_prompt=add_generation_prompt)
        except TemplateError:
            without = [turn for turn in turns if turn["role"] != "system"]
            return self._rendered(without, add_generation_prompt=add_generation_prompt)

    def _rendered(self, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )
