"""What is compared: an item's and a training example's texts as words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import regex

from runner.data.examples import Example, Message
from runner.evaluation.benchmark import Benchmark, Item

Words = tuple[str, ...]

# Scripts that put no space between words: there, each character is a word.
_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER: Final = rf"\p{{L}}\p{{M}}_--[{_UNSPACED}]"
_NUMBER: Final = r"\p{N}+(?:[.,]\p{N}+)*"
# Signs that change what is asked (3 - 2, 3 * 2); all other punctuation is left out.
_SIGN: Final = r"[\p{S}*/%&#@\\\-]"
_WORD: Final = regex.compile(rf"(?V1)[{_LETTER}][\p{{N}}{_LETTER}]*|{_NUMBER}|[{_UNSPACED}]\p{{M}}*|{_SIGN}")
# The same for ASCII text, in a third of the time.
_ASCII_WORD: Final = re.compile(r"[a-z_][a-z0-9_]*|[0-9]+(?:[.,][0-9]+)*|[$+<=>^`|~*/%&#@\\-]")


class ItemTexts(NamedTuple):
    """An item's words."""

    question: Words
    """Its prompt without system turns; empty where there is none."""
    answer: Words
    """Its right choice, its text, or its written answer; empty where the answer is a pattern."""
    is_text: bool
    """Whether the answer is a text whose likelihood is the score."""

    @property
    def whole(self) -> Words:
        """Question and answer."""
        return self.question + self.answer


class ExampleTexts(NamedTuple):
    """A training example's words."""

    whole: Words
    """All turns, the completion last."""
    question: Words
    """Turns before the completion without system turns."""
    completion: Words


@lru_cache(maxsize=4_096)  # system turns, which repeat
def words_of(text: str) -> Words:
    """Returns the words of a text: compatibility forms made equal, upper and lower case too, no punctuation.

    Numbers keep their decimal point, signs such as + and - are words.

    >>> words_of("Don't  convert 2.50 KG (today)!")
    ('don', 't', 'convert', '2.50', 'kg', 'today')
    """
    if text.isascii():
        return tuple(_ASCII_WORD.findall(text.lower()))
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def item_texts(item: Item, benchmark: Benchmark) -> ItemTexts:
    """Returns an item's words."""
    question = words_of(item.prompt) if isinstance(item.prompt, str) else _turns(_asked(item.prompt))
    return ItemTexts(question, words_of(answer_of(item, benchmark)), is_text=benchmark.form == "text")


def answer_of(item: Item, benchmark: Benchmark) -> str:
    """Returns an item's right answer as text; nothing where it is a pattern."""
    if benchmark.form != "generation":
        return item.choices[item.gold]
    if benchmark.rule == "regex":
        return ""
    return item.answer.partition(":")[2] if benchmark.rule == "skill" else item.answer


def example_texts(example: Example) -> ExampleTexts:
    """Returns a training example's words."""
    completion, question = words_of(example.completion), _turns(_asked(example.prompt))
    system = _turns(turn for turn in example.prompt if turn.role == "system")
    return ExampleTexts(system + question + completion, question, completion)


def _asked(prompt: Iterable[Message]) -> list[Message]:
    return [turn for turn in prompt if turn.role != "system"]


def _turns(turns: Iterable[Message]) -> Words:
    return tuple(word for turn in turns for word in words_of(turn.content))
