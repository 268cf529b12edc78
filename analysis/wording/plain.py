"""Counts, durations and names as a reader wants them, as plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

MISSING: Final = "–"
"""What stands where there is no value."""

_UNITS_S: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def duration_text(seconds: float | None, *, n_units: int = 2) -> str:
    """A duration in its largest units; a missing or non-finite one is a dash.

    >>> duration_text(42), duration_text(95), duration_text(7260), duration_text(7260, n_units=1)
    ('42 s', '1 min 35 s', '2 h 1 min', '2 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    rest = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in _UNITS_S:
        if rest >= size or (unit == "s" and not parts):
            parts.append(f"{rest // size} {unit}")
        elif parts:
            break
        rest %= size
    return " ".join(parts[:n_units])


def count_text(n: int, noun: str) -> str:
    """A count with its noun, in the singular or the plural.

    >>> count_text(1, "run"), count_text(3, "run")
    ('1 run', '3 runs')
    """
    return f"{n:,} {noun if n == 1 else noun + 's'}"


def join_text(parts: Sequence[str]) -> str:
    """Words joined as a sentence does it.

    >>> join_text(["a", "b", "c"])
    'a, b and c'
    """
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
