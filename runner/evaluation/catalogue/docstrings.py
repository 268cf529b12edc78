"""The held-out part of `stdlib-docstrings` as benchmarks: bits per byte, and which docstring a function has."""

from __future__ import annotations

import functools
import platform
import random
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from runner.data.examples import Example
from runner.data.load import load_dataset
from runner.evaluation.benchmark import Benchmark, Item
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.spec.dataset import DatasetSection

N_TEXTS: Final = 200
"""As many as a sweep measures its loss on, and with its defaults the same ones."""
N_CHOICES: Final = 150
_N_NEAREST: Final = 12  # docstrings of about the same length to draw three from; our choice
_TOO_ALIKE: Final = 0.8  # share of common letters from which two docstrings may mean the same; our choice


def docstrings_bits() -> Benchmark:
    """Returns the held-out docstrings as texts, each after its function."""
    items = [make_item(one.prompt, choices=(one.completion,)) for one in _held_out()[:N_TEXTS]]
    return make_benchmark("docstrings-bpb", "text", items, source=_source())


def docstrings_choice() -> Benchmark:
    """Returns held-out functions, each with four docstrings of held-out functions to choose from.

    Functions of which the library has two with the same code and different docstrings are left out: both are right.
    """
    held_out = _held_out()
    n_same = Counter(one.question_id for one in held_out)
    asked = [one for one in held_out if n_same[one.question_id] == 1][:N_CHOICES]
    items = [_choice_item(one, held_out) for one in asked]
    return make_benchmark("docstrings-choice", "choice", items, source=_source())


@functools.lru_cache(maxsize=1)
def _held_out() -> tuple[Example, ...]:
    return load_dataset(DatasetSection(builtin="stdlib-docstrings")).held_out


def _source() -> str:
    version = platform.python_version()
    return f"held-out part of Ucurve's data set stdlib-docstrings, from the library of Python {version}"


def _choice_item(example: Example, held_out: Sequence[Example]) -> Item:
    rng = random.Random(f"docstrings:{example.id}")  # noqa: S311 - no secret
    choices = [example.completion]
    nearest = _nearest_in_length(example, held_out)
    for candidate in [*rng.sample(nearest[:_N_NEAREST], _N_NEAREST), *nearest[_N_NEAREST:]]:
        if not any(_alike(candidate, taken) for taken in choices):
            choices.append(candidate)
        if len(choices) == 4:
            break
    rng.shuffle(choices)
    gold = choices.index(example.completion)
    return make_item(example.prompt, choices=choices, gold=gold, unconditional="Docstring:")


def _nearest_in_length(example: Example, held_out: Sequence[Example]) -> list[str]:
    others = {one.completion for one in held_out if one.question_id != example.question_id} - {example.completion}
    return sorted(others, key=lambda text: (abs(len(text) - len(example.completion)), text))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio() > _TOO_ALIKE
