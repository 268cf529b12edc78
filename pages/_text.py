"""Moments, durations and names as a reader wants them; user text is escaped before it becomes Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pandas as pd

MISSING: Final = "–"
"""What stands where there is no value."""

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])")
_RECOGNISED: Final = re.compile(r"(?<=:)(?=[/\w])|(?<=www)(?=\.)|(?=@)")
"""Where web addresses and `:icon:` names are recognised even when every special character is escaped."""
_WORD_JOINER: Final = "\u2060"
_UNITS_S: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def md_escape(text: object) -> str:
    r"""The text with every character made harmless that Markdown or Streamlit's directives give a meaning to.

    Addresses and icon names are recognised after escapes have been read, so an invisible character breaks them.

    >>> print(md_escape("a_b [x] $y$"))
    a\_b \[x\] \$y\$
    """
    return _MARKDOWN.sub(r"\\\1", _RECOGNISED.sub(_WORD_JOINER, " ".join(str(text).split())))


def duration_text(seconds: float | None, *, n_units: int = 2) -> str:
    """A duration in its largest units; a missing or non-finite one is a dash.

    >>> duration_text(42), duration_text(95), duration_text(7260), duration_text(7260, n_units=1)
    ('42 s', '1 min 35 s', '2 h 1 min', '2 h')
    """
    if seconds is None or pd.isna(seconds) or not math.isfinite(seconds):
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


def ago_text(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago a moment was; one in the future means that somebody's clock is wrong.

    >>> ago_text(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 3, 20, tzinfo=UTC))
    '3 min ago'
    """
    if moment is None or pd.isna(moment):
        return MISSING
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < -_UNITS_S[2][1]:
        return "in the future (clocks differ)"
    return f"{duration_text(seconds, n_units=1)} ago"


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
