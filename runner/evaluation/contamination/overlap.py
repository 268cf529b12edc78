"""How many items of a benchmark a training set holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from runner.data.examples import Example, Message, content_hash
from runner.evaluation.benchmark import Benchmark, Item
from runner.evaluation.contamination.index import NEAR_SHARE, ItemIndex
from runner.evaluation.contamination.texts import answer_of, example_texts, item_texts

N_PAIRS: Final = 5
MAX_CHARS: Final = 300  # of each text of a pair, for people


class Pair(NamedTuple):
    """An item and the training example that is most like it."""

    item_id: str
    example_id: str
    item: str
    example: str
    share: float
    """Of the item's own words, in runs of words that both have; 1 for a copy."""
    is_exact: bool


class Overlap(NamedTuple):
    """What of a benchmark is in a training set."""

    benchmark: str
    n_items: int
    n_exact: int
    """Items of which a training example is or holds a copy."""
    n_near: int
    """Items with a near copy; the exact ones are among them."""
    examples: tuple[Pair, ...]
    """The first few pairs: exact ones first, then the nearest."""
    training_digest: str
    """16 hex digits of the training examples' ids, in whatever order."""
    digest: str
    """Of the benchmark."""

    def counts(self) -> dict[str, int | str]:
        """Returns what is kept with a run: no texts."""
        return {"n_items": self.n_items, "n_exact": self.n_exact, "n_near": self.n_near, "digest": self.digest}

    def to_json(self) -> dict[str, object]:
        """Returns everything, texts of training examples included, as JSON-able values."""
        return {**self._asdict(), "examples": [pair._asdict() for pair in self.examples]}


class _Best(NamedTuple):
    """How much of an item is in the training example that has most of it."""

    is_exact: bool
    share: float
    example: Example

    @property
    def rank(self) -> tuple[bool, float, str]:
        return self.is_exact, self.share, self.example.id


def count_overlap(train_examples: Iterable[Example], benchmark: Benchmark) -> Overlap:
    """Returns how many of a benchmark's items the training examples hold.

    The work grows with the number of words on both sides, not with their product.

    Args:
        train_examples: The training part of a data set, in any order.
        benchmark: Whose items are looked for.
    """
    items = [item_texts(item, benchmark) for item in benchmark.items]
    index = ItemIndex(items)
    best: dict[int, _Best] = {}
    ids: list[str] = []
    for example in train_examples:
        ids.append(example.id)
        for number, candidate in _found(index, example):
            if number not in best or candidate.rank > best[number].rank:
                best[number] = candidate
    near = {number: one for number, one in best.items() if one.is_exact or one.share >= NEAR_SHARE}
    return Overlap(
        benchmark=benchmark.name,
        n_items=len(items),
        n_exact=sum(one.is_exact for one in near.values()),
        n_near=len(near),
        examples=_pairs(near, benchmark),
        training_digest=content_hash(sorted(ids))[:16],
        digest=benchmark.digest,
    )


def overlap_table(overlaps: Sequence[Overlap]) -> tuple[tuple[str, ...], ...]:
    """Returns a header and one row of texts per benchmark."""
    header = ("benchmark", "items", "copies in training", "near copies")
    return (header, *((one.benchmark, str(one.n_items), *_shown(one)) for one in overlaps))


def _shown(overlap: Overlap) -> tuple[str, str]:
    n_only_near = overlap.n_near - overlap.n_exact
    return _counted(overlap.n_exact, overlap.n_items), _counted(n_only_near, overlap.n_items)


def _counted(n_found: int, n_items: int) -> str:
    return f"{n_found} ({n_found / n_items:.1%})"


def _found(index: ItemIndex, example: Example) -> Iterable[tuple[int, _Best]]:
    found = index.find(example_texts(example))
    for number in found.copies:
        yield number, _Best(True, 1.0, example)
    for number in found.shares.keys() - found.copies:
        yield number, _Best(False, found.shares[number], example)


def _pairs(near: Mapping[int, _Best], benchmark: Benchmark) -> tuple[Pair, ...]:
    order = sorted(near, key=lambda number: (not near[number].is_exact, -near[number].share, number))
    return tuple(_pair(benchmark.items[number], near[number], benchmark) for number in order[:N_PAIRS])


def _pair(item: Item, best: _Best, benchmark: Benchmark) -> Pair:
    example = best.example
    return Pair(
        item_id=item.item_id,
        example_id=example.id,
        item=_text(item.prompt, answer_of(item, benchmark)),
        example=_text(example.prompt, example.completion),
        share=best.share,
        is_exact=best.is_exact,
    )


def _text(prompt: tuple[Message, ...] | str, answer: str) -> str:
    turns = [prompt] if isinstance(prompt, str) else [turn.content for turn in prompt if turn.role != "system"]
    text = "\n".join(part for part in (*turns, answer) if part)
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 3]}..."
