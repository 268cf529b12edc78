"""Examples as token ids with the positions that have a loss."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from runner.data.dataset import Dataset
from runner.data.examples import Example, Message
from runner.errors import ConfigError
from runner.spec.plan import SequenceStats
from runner.training.layout import IGNORED

LossOn = Literal["response", "all"]


class TokenizedExample(NamedTuple):
    """One example as tokens; `labels[t]` is the token that position t must predict, or `IGNORED`."""

    token_ids: tuple[int, ...]
    labels: tuple[int, ...]
    n_scored: int
    """Positions with a loss."""
    n_bytes: int
    """UTF-8 bytes of the text of the scored tokens, end-of-turn markers left out."""


@dataclass(frozen=True, slots=True)
class TokenizedData:
    """A data set as the trainer sees it."""

    train: tuple[TokenizedExample, ...]
    held_out: tuple[TokenizedExample, ...]
    n_dropped: int
    """Examples without a scored token after cutting to the maximum length."""

    @property
    def longest(self) -> int:
        """Tokens of the longest example."""
        return max(len(e.token_ids) for part in (self.train, self.held_out) for e in part)

    def stats(self) -> SequenceStats:
        """What planning needs."""
        return SequenceStats(
            n_train=len(self.train),
            n_evaluated=len(self.held_out),
            mean_tokens=float(np.mean([len(s.token_ids) for s in self.train])),
            mean_trained_tokens=float(np.mean([s.n_scored for s in self.train])),
        )


def tokenize_dataset(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int, loss_on: LossOn, n_evaluated: int
) -> TokenizedData:
    """Both splits tokenised; the held-out one is cut to its first `n_evaluated` examples.

    Raises:
        ConfigError: Nothing is left to train on or to evaluate, or there is no chat template for a chat data set.
    """
    if dataset.kind == "chat" and not tokenizer.chat_template:
        raise ConfigError(
            f"data set '{dataset.name}' holds conversations but the model's tokenizer has no chat template; "
            "use an instruction-tuned model, or plain text"
        )
    examples = (dataset.train, dataset.evaluation_examples(n_evaluated))
    tokenized = [[tokenize(e, tokenizer, max_length=max_length, loss_on=loss_on) for e in part] for part in examples]
    kept = [tuple(s for s in part if s.n_scored) for part in tokenized]
    for part, name in zip(kept, ("training", "held-out"), strict=True):
        if not part:
            raise ConfigError(
                f"data set '{dataset.name}': no {name} example has a token with a loss within max_length {max_length}; "
                "raise training.max_length"
            )
    return TokenizedData(kept[0], kept[1], sum(map(len, tokenized)) - sum(map(len, kept)))


def tokenize(
    example: Example, tokenizer: PreTrainedTokenizerBase, *, max_length: int, loss_on: LossOn
) -> TokenizedExample:
    """One example through the tokenizer (and its chat template), cut at `max_length` tokens.

    On `response` only the completion and its end-of-turn tokens have a loss, as in TRL's completion-only loss.
    """
    token_ids, n_prompt = _render(example, tokenizer)
    token_ids = token_ids[:max_length]
    first = 1 if loss_on == "all" else max(n_prompt, 1)
    labels = tuple(token_ids[t + 1] if t + 1 >= first else IGNORED for t in range(len(token_ids) - 1))
    scored = token_ids[first:]
    text = tokenizer.decode(scored, skip_special_tokens=True)
    return TokenizedExample(tuple(token_ids), (*labels, IGNORED), len(scored), len(text.strip().encode()))


def data_order(n_examples: int, seed: int, n_drawn: int = 0) -> Iterator[int]:
    """Endless example indices: a fresh permutation for every pass, drawn from `seed` alone.

    Args:
        n_examples: In one pass.
        seed: Of the trial.
        n_drawn: So many of the indices are left out at the start.
    """
    generator = np.random.default_rng(seed)
    n_passes, n_more = divmod(n_drawn, n_examples)
    for _ in range(n_passes):
        generator.permutation(n_examples)
    yield from generator.permutation(n_examples).tolist()[n_more:]
    while True:
        yield from generator.permutation(n_examples).tolist()


def _render(example: Example, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], int]:
    """Token ids, and how many of them are prompt."""
    if example.kind == "text":
        ids = tokenizer(example.completion, add_special_tokens=True)["input_ids"]
        end = tokenizer.eos_token_id
        return ([*ids, end] if end is not None and ids[-1:] != [end] else ids), 0
    prompt = _apply(tokenizer, example.prompt, add_generation_prompt=True)
    full = _apply(tokenizer, example.messages, add_generation_prompt=False)
    if full[: len(prompt)] != prompt:
        raise ConfigError(
            f"the tokenizer's chat template changes the prompt when an answer follows (example {example.id}); "
            "write loss_on: all, or use another model"
        )
    return full, len(prompt)


def _apply(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, add_generation_prompt: bool
) -> list[int]:
    turns = [{"role": m.role, "content": m.content} for m in messages]
    encoded = tokenizer.apply_chat_template(
        turns, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=True
    )
    return list(encoded["input_ids"])
