"""What a benchmark is: items with a digest, a way to put them to a model, and rules that make scores of the answers.

No torch here: the spec, the command line and the queue know benchmarks without loading a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.store.schema import Direction
from runner.data.examples import Message

Form = Literal["choice", "text", "generation"]
"""`choice`: which of several continuations is the likeliest; `text`: how likely a given text is; `generation`: what the
model writes is checked."""
Normalisation = Literal["sum", "token", "byte", "unconditional"]
"""How the log-likelihoods of choices are compared: as they are; per token; per UTF-8 byte; less the log-likelihood that
the choice has without its context (Brown et al. 2020, arXiv:2005.14165, section 2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question.

    Attributes:
        item_id: 16 hex digits of the hash of its content.
        prompt: What stands before the answer: turns of a conversation (rendered with the model's chat template) or one
            text as it stands. Empty text for `text` items without a context.
        choices: Continuations to choose from; of a `text` item the text itself, as its only choice.
        gold: Index of the right choice.
        answer: The right answer of a `generation` item, as its rule wants it.
        family: What kind of task it is within the benchmark, for tables; may be empty.
        unconditional: What stands for the prompt when the normalisation `unconditional` asks for none, such as
            `Answer:`.
    """

    item_id: str
    prompt: tuple[Message, ...] | str
    choices: tuple[str, ...] = ()
    gold: int = 0
    answer: str = ""
    family: str = ""
    unconditional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """An item that is never scored: its place in the source and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A named set of items with one rule.

    Attributes:
        name: As in the store's column `benchmark`.
        form: How its items are put to the model.
        items: In a fixed order.
        metrics: Names of the scores it gives, the main one first, each with its direction.
        chance_level: Score of guessing on the main metric; None where guessing makes no sense.
        digest: 16 hex digits over form, rule and items: equal means the same questions, asked the same way.
        rule: Name of the check of a `generation` benchmark, such as `exact`.
        source: Where the items come from, in one sentence.
        excluded: Items that were left out, with reasons.
    """

    name: str
    form: Form
    items: tuple[Item, ...]
    metrics: Mapping[str, Direction]
    chance_level: float | None
    digest: str
    rule: str = ""
    source: str = ""
    excluded: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How a model writes; all of it is recorded with the score.

    Attributes:
        max_new_tokens: Most tokens it may write.
        temperature: 0 takes the likeliest token (greedy); above, tokens are drawn from softmax(logits / temperature).
        top_k: Draw among the k likeliest tokens only; None: all.
        top_p: Draw among the fewest tokens that hold this much probability (Holtzman et al. 2020, arXiv:1904.09751).
        n_beams: Width of a beam search; 1: none.
        stop: Texts at which writing ends; they are not part of the answer.
        seed: Of the draws: the same item draws the same numbers for every adapter, whoever else is in the batch.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    n_beams: int = 1
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemScore:
    """What one model got on one item, by metric; a score of 0 or 1, or a number of nats, bits ..."""

    item_id: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A benchmark's score of one model: mean over items with its standard error.

    Attributes:
        metric: Which metric.
        value: The score.
        stderr: Its standard error over items (as drawn from many such); None where there is one item only.
        n_items: Items behind it.
        items: By item, in the benchmark's order.
        problem: Why the value is no number, in one sentence; empty where it is one.
    """

    metric: str
    value: float
    stderr: float | None
    n_items: int
    items: Sequence[tuple[str, float]] = ()
    problem: str = ""
