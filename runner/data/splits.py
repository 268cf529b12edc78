"""Train and held-out parts by content hash: the same everywhere, and never the same example in both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from runner.data.examples import Example
from runner.errors import ConfigError

Split = tuple[tuple[Example, ...], tuple[Example, ...]]


def unique_examples(examples: Iterable[Example]) -> list[Example]:
    """Returns each distinct example once, in the order of a hash of its id: any prefix is a fair sample."""
    by_id = {example.id: example for example in examples}
    return [by_id[key] for key in sorted(by_id, key=_rank)]


def split_examples(examples: Sequence[Example], held_out: float | int, *, max_examples: int | None, name: str) -> Split:
    """Returns (train, held_out) without overlap; a share decides per example, a number takes that many.

    With a share, an example stays in its part when others are added or removed. Examples with the same prompt go to the
    same part, so that no held-out question was trained on with another answer.

    Raises:
        ConfigError: when one part would be empty.
    """
    chosen = unique_examples(examples)[:max_examples]
    groups = {example.id: _rank(example.question_id) for example in chosen}
    if held_out < 1:
        bound = round(held_out * 16**16)
        measured = {key for key, rank in groups.items() if int(rank[:16], 16) < bound}
    else:
        measured = _first_groups(groups, int(held_out))
    train = tuple(example for example in chosen if example.id not in measured)
    test = tuple(example for example in chosen if example.id in measured)
    if not train or not test:
        part = "training" if not train else "evaluation"
        raise ConfigError(
            f"{name}: {len(chosen)} distinct examples leave none for {part} with held_out {held_out}; "
            "add examples or change dataset.held_out"
        )
    return train, test


def without(examples: Iterable[Example], held_out: Iterable[Example]) -> tuple[Example, ...]:
    """Returns the examples whose prompt (or text) is not among the held-out ones."""
    taken = {example.question_id for example in held_out}
    return tuple(example for example in examples if example.question_id not in taken)


def _first_groups(groups: dict[str, str], n_wanted: int) -> set[str]:
    ordered = sorted(groups, key=lambda key: (groups[key], key))
    n_taken = min(n_wanted, len(ordered))
    while 0 < n_taken < len(ordered) and groups[ordered[n_taken]] == groups[ordered[n_taken - 1]]:
        n_taken += 1
    return set(ordered[:n_taken])


def _rank(key: str) -> str:
    return hashlib.sha256(f"split:{key}".encode()).hexdigest()
