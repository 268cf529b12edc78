"""One item as requests, and what is done with those that are longer than the context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from runner.evaluation.benchmark import Benchmark, Decoding, Item
from runner.evaluation.catalogue.tokens import EncodedPair, Tokenizer, bare_context_of, context_of, encode_pair
from runner.evaluation.requests import LikelihoodRequest

TooLong = Literal["truncate", "refuse"]


class Part(NamedTuple):
    """What a request is for."""

    item: int
    """Place in the plan."""
    choice: int
    bare: bool
    """Whether the item's prompt is left out."""
    n_tokens: int = 0
    """Scored tokens."""


@dataclass(slots=True)
class Draft:
    """One item's requests, while they are made."""

    requests: list[LikelihoodRequest] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    prompt: tuple[int, ...] = ()
    is_truncated: bool = False


class Refused(Exception):
    """Why an item cannot be asked."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the requests of a benchmark's items; the arguments are those of `plan_requests`."""

    benchmark: Benchmark
    tokenizer: Tokenizer
    context_length: int
    too_long: TooLong
    with_bare: bool
    decoding: Decoding | None

    def draft(self, item: Item, place: int) -> Draft:
        """Returns one item's requests.

        Raises:
            Refused: it cannot be asked.
        """
        draft = Draft()
        if self.decoding is not None:
            self._add_prompt(draft, item, self.decoding)
            return draft
        context = context_of(item, self.tokenizer)
        # The line break at the end of a chat template is no part of a text.
        move_spaces = not (context.is_chat and self.benchmark.form == "text")
        for number, choice in enumerate(item.choices):
            pair = encode_pair(context, choice, self.tokenizer, move_spaces=move_spaces)
            self._add(draft, pair, Part(place, number, bare=False))
        if self.with_bare and self.benchmark.form == "choice":
            bare = bare_context_of(item, self.tokenizer)
            for number, choice in enumerate(item.choices):
                self._add(draft, encode_pair(bare, choice, self.tokenizer), Part(place, number, bare=True))
        return draft

    def _add(self, draft: Draft, pair: EncodedPair, part: Part) -> None:
        n_scored = len(pair.token_ids) - pair.n_context
        if n_scored < 1:
            raise Refused(f"choice {part.choice + 1} has no token of its own after the prompt")
        if len(pair.token_ids) > self.context_length:
            self._allow_cut(draft, len(pair.token_ids))
            if self.benchmark.form == "choice" and n_scored >= self.context_length:
                raise Refused(
                    f"choice {part.choice + 1} takes {n_scored} tokens, the context has {self.context_length}, "
                    "of which one is before the choice"
                )
        for request in windows(pair, self.context_length):
            draft.requests.append(request)
            draft.parts.append(part._replace(n_tokens=len(request.token_ids) - request.n_context))

    def _add_prompt(self, draft: Draft, item: Item, decoding: Decoding) -> None:
        token_ids = tuple(self.tokenizer.encode(context_of(item, self.tokenizer).text))
        room = self.context_length - decoding.max_new_tokens
        if room < 1:
            raise Refused(f"{decoding.max_new_tokens} new tokens leave no room for a prompt")
        if len(token_ids) > room:
            self._allow_cut(draft, len(token_ids) + decoding.max_new_tokens)
        draft.prompt = token_ids[-room:]

    def _allow_cut(self, draft: Draft, n_tokens: int) -> None:
        if self.too_long == "refuse":
            raise Refused(f"takes {n_tokens} tokens, the context has {self.context_length}")
        draft.is_truncated = True


def windows(pair: EncodedPair, context_length: int) -> Iterator[LikelihoodRequest]:
    """Yields requests of at most `context_length` tokens that score each token of the continuation once.

    One request where everything fits or only the context must be cut. Longer continuations are taken in pieces: each
    but the last sees one token before it, the last as many as fit.

    Source: lm-evaluation-harness 0.4.13, `get_rolling_token_windows`, with one token less: here the last token of a
    request counts to its length.
    """
    n_tokens = len(pair.token_ids)
    first = pair.n_context
    while first < n_tokens:
        end = n_tokens if n_tokens <= context_length else min(first + context_length - 1, n_tokens)
        start = max(0, end - context_length)
        yield LikelihoodRequest(pair.token_ids[start:end], first - start)
        first = end
