"""Finds a benchmark's items in training examples, by the runs of words that they share.

The index is over the benchmark, which is the smaller one; training examples pass by one after another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from runner.evaluation.contamination.texts import ExampleTexts, ItemTexts, Words

LONG_RUN: Final = 8
"""Words of a run; as in PaLM (arXiv:2204.02311, section 8) and Llama 3 (arXiv:2407.21783, section 5.1.4). A shorter
text counts as a copy only where it is the whole of what an example asks or says (after GPT-3, arXiv:2005.14165,
appendix C, where N is at least 8)."""
SHORT_RUN: Final = 4
"""Words of a run for items of fewer than three long runs: one changed word would leave no long one; our choice."""
NEAR_SHARE: Final = 0.7
"""Share of an item's own words that must lie in runs it shares with one training example; PaLM's share of 8-grams."""
MOST_ITEMS: Final = 10
MOST_SHARE: Final = 0.01
"""A run that more items have than both of these allow is the benchmark's wording and no item's own; our choice."""
Places = list[tuple[int, int]]


class Found(NamedTuple):
    """Items that a training example has something of, by their places in the benchmark."""

    copies: set[int]
    """Those of which the example is or holds a copy."""
    shares: dict[int, float]
    """The share of an item's own words that lie in runs which the example has too."""


class ItemIndex:
    """A benchmark's items, ready to be found."""

    def __init__(self, items: Sequence[ItemTexts]) -> None:
        self._copies: defaultdict[Words, set[int]] = defaultdict(set)
        for number, item in enumerate(items):
            for text in _texts(item):
                self._copies[text].add(number)
        self._anchors = _anchors([text for text in self._copies if len(text) >= LONG_RUN])
        self._runs = _own_runs(items)
        self._heads = {run[:SHORT_RUN] for run in (*self._anchors, *self._runs)}
        self._own_words = [0] * len(items)
        for places in self._runs.values():
            for number, words in places:
                self._own_words[number] |= words

    def find(self, example: ExampleTexts) -> Found:
        """Returns the items that a training example shares a text or a run of words with."""
        copies = {number for text in example for number in self._copies.get(text, ())}
        shared: defaultdict[int, int] = defaultdict(int)
        for start in self._starts(example.whole):
            long_run = example.whole[start : start + LONG_RUN]
            copies |= self._copies_at(start, long_run, example.whole)
            for run in (long_run, long_run[:SHORT_RUN]):
                for number, words in self._runs.get(run, ()):
                    shared[number] |= words
        shares = {number: words.bit_count() / self._own_words[number].bit_count() for number, words in shared.items()}
        return Found(copies, shares)

    def _copies_at(self, start: int, run: Words, words: Words) -> set[int]:
        found: set[int] = set()
        for text, offset in self._anchors.get(run, ()):
            begin = start - offset
            if begin >= 0 and words[begin : begin + len(text)] == text:
                found |= self._copies[text]
        return found

    def _starts(self, words: Words) -> list[int]:
        """Returns where a run of the index may begin; few places do, so that most words cost one look-up."""
        heads = zip(*(words[start:] for start in range(SHORT_RUN)), strict=False)
        return [start for start, head in enumerate(heads) if head in self._heads]


def _texts(item: ItemTexts) -> Iterator[Words]:
    """Yields the texts of which each is a copy of the item."""
    if item.whole:
        yield item.whole
    if item.question:
        yield item.question
    if item.is_text and len(item.answer) >= LONG_RUN:
        yield item.answer


def _anchors(texts: Sequence[Words]) -> dict[Words, list[tuple[Words, int]]]:
    """Returns, by its rarest run, each text and where in it the run begins: common beginnings would hit too often."""
    counts = Counter(run for text in texts for _, run in _runs_of(text, LONG_RUN))
    found: defaultdict[Words, list[tuple[Words, int]]] = defaultdict(list)
    for text in texts:
        offset, rarest = min(_runs_of(text, LONG_RUN), key=lambda placed: counts[placed[1]])
        found[rarest].append((text, offset))
    return dict(found)


def _own_runs(items: Sequence[ItemTexts]) -> dict[Words, Places]:
    """Returns the runs that are not the benchmark's wording: items that have them, and which words, as bits."""
    places: defaultdict[Words, Counter[int]] = defaultdict(Counter)
    n_items_with: Counter[Words] = Counter()
    for number, item in enumerate(items):
        for n_words in (SHORT_RUN, LONG_RUN):
            n_items_with.update({run for _, run in _runs_of(item.whole, n_words)})
        n_words = LONG_RUN if len(item.whole) >= 3 * LONG_RUN else SHORT_RUN
        for start, run in _runs_of(item.whole, n_words):
            places[run][number] |= ((1 << n_words) - 1) << start
    most = max(MOST_ITEMS, int(MOST_SHARE * len(items)))
    return {run: list(words.items()) for run, words in places.items() if n_items_with[run] <= most}


def _runs_of(words: Words, n_words: int) -> Iterator[tuple[int, Words]]:
    for start in range(len(words) - n_words + 1):
        yield start, words[start : start + n_words]
