"""Counts and lists as a sentence wants them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_MOST_NAMED: Final = 4
"""Things that a sentence names before it says that there are more; our choice."""


def count(n: int, noun: str) -> str:
    """Returns a count with its noun.

    >>> count(1, "run"), count(2, "run")
    ('1 run', '2 runs')
    """
    return f"{n:,} {noun if n == 1 else noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Returns the first names and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e", "f"])
    ('a, b', 'a, b, c, d and 2 more')
    """
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def ids(run_ids: Iterable[object]) -> tuple[str, ...]:
    """Returns run ids as sorted text, each once."""
    return tuple(sorted({str(run_id) for run_id in run_ids}))
