"""Texts as tokens: prompts as the model wants them, and where in the tokens a continuation begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from runner.data.examples import Message
from runner.evaluation.benchmark import Item


class Tokenizer(Protocol):
    """What planning needs of a model's tokenizer."""

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without a context: the token that begins a sequence, or else that ends one."""
        ...

    def encode(self, text: str) -> Sequence[int]:
        """The tokens of a text, special ones in it recognised, with what the tokenizer puts before any text."""
        ...

    def chat(self, messages: Sequence[Message]) -> str | None:
        """The conversation as text up to where the assistant's answer begins; None without a chat template."""
        ...


class Context(NamedTuple):
    """What stands before a continuation, as text."""

    text: str
    joint: str
    """What stands between it and a continuation."""
    is_chat: bool


class EncodedPair(NamedTuple):
    """A context and its continuation as tokens; the continuation begins at `n_context`."""

    token_ids: tuple[int, ...]
    n_context: int


def context_of(item: Item, tokenizer: Tokenizer) -> Context:
    """Returns an item's prompt as text."""
    return render(item.prompt, tokenizer)


def bare_context_of(item: Item, tokenizer: Tokenizer) -> Context:
    """Returns what stands for the prompt where the question is left out.

    Where the item has nothing for it, continuations begin as they do after the prompt, such as with a space.
    """
    if not item.unconditional:
        return context_of(item, tokenizer)._replace(text="")
    if isinstance(item.prompt, str):
        return render(item.unconditional, tokenizer)
    return render((Message("user", item.unconditional),), tokenizer)


def render(prompt: tuple[Message, ...] | str, tokenizer: Tokenizer) -> Context:
    """Returns a prompt as text.

    Continuations follow a chat template at once; they are set off from a plain text by a space, as in
    lm-evaluation-harness (`target_delimiter`), unless white space is there. Without a template the turns are
    paragraphs, and `Answer:` follows the last.
    """
    if isinstance(prompt, str):
        return Context(prompt, " " if prompt and not prompt[-1].isspace() else "", is_chat=False)
    rendered = tokenizer.chat(prompt)
    if rendered is not None:
        return Context(rendered, "", is_chat=True)
    paragraphs = "\n\n".join(message.content for message in prompt)
    return Context(f"{paragraphs}\n\nAnswer:", " ", is_chat=False)


def encode_pair(context: Context, continuation: str, tokenizer: Tokenizer, *, move_spaces: bool = True) -> EncodedPair:
    """Returns the tokens of context and continuation, encoded together and split after the context's own tokens.

    Args:
        context: What goes before.
        continuation: What is scored.
        tokenizer: Of the model.
        move_spaces: Count white space at the end of the context to the continuation, where tokenizers put it.

    Source: lm-evaluation-harness 0.4.13, `TemplateLM._encode_pair` and `loglikelihood`.
    """
    joint = "" if continuation[:1].isspace() else context.joint
    whole = context.text + joint + continuation
    before = context.text.rstrip() if move_spaces else context.text
    token_ids = tuple(tokenizer.encode(whole))
    if before:
        return EncodedPair(token_ids, len(tokenizer.encode(before)))
    prefix = tokenizer.prefix_token_id
    return EncodedPair(token_ids if token_ids[:1] == (prefix,) else (prefix, *token_ids), 1)
