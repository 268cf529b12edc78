"""Where an answer ends, and its text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from runner.evaluation.requests import Generation

EndedBy = Literal["eos", "stop", "length", "broken"]


class Endings:
    """Decides after each token whether a row has ended.

    Args:
        tokenizer: Decodes what is written.
        eos_ids: Tokens that end a sequence.
        stop: Texts that end it; one that is a special token of the tokenizer ends it as a token, since special tokens
            are no part of decoded text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eos_ids: Collection[int], stop: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        special = set(tokenizer.all_special_tokens)
        self.eos_ids = frozenset(eos_ids)
        self._stop_ids = {int(tokenizer.convert_tokens_to_ids(s)) for s in stop if s in special}
        self._stop = [s for s in stop if s not in special]

    def reason(self, token_ids: Sequence[int], n_most: int) -> EndedBy | None:
        """What ends the row that has just written the last of `token_ids`; None: it goes on."""
        if token_ids[-1] in self.eos_ids:
            return "eos"
        if token_ids[-1] in self._stop_ids or (self._stop and self._first_stop(self._text(token_ids)) is not None):
            return "stop"
        return "length" if len(token_ids) >= n_most else None

    def answer(self, token_ids: Sequence[int], ended_by: EndedBy) -> Generation:
        """The answer of a row that has ended."""
        ends_in_token = ended_by in ("eos", "stop") and token_ids[-1] in self.eos_ids | self._stop_ids
        kept = token_ids[:-1] if ends_in_token else token_ids
        text = self._text(kept)
        return Generation(tuple(kept), text[: self._first_stop(text)], ended_by)

    def _text(self, token_ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def _first_stop(self, text: str) -> int | None:
        """Where the first stop text begins; None where there is none."""
        return min((place for s in self._stop if (place := text.find(s)) >= 0), default=None)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ends of a sequence: all that the generation config, the model's config and the tokenizer name.

    Chat models name their end of turn in one of them only, and which one differs.
    """
    named = [getattr(part, "eos_token_id", None) for part in (model.generation_config, model.config, tokenizer)]
    return frozenset(token_id for value in named for token_id in _as_ids(value))


def _as_ids(value: int | Iterable[int] | None) -> Iterable[int]:
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else map(int, value)
