"""Moments, durations and names as a reader wants them; user text is escaped before it becomes Markdown."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from analysis.wording.plain import MISSING, count_text, duration_text, join_text
from analysis.wording.voices import md_escape

__all__ = ["MISSING", "ago_text", "count_text", "duration_text", "join_text", "md_escape"]

_CLOCKS_DIFFER_S = 60


def ago_text(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago a moment was; one in the future means that somebody's clock is wrong.

    >>> ago_text(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 3, 20, tzinfo=UTC))
    '3 min ago'
    """
    if moment is None or pd.isna(moment):
        return MISSING
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < -_CLOCKS_DIFFER_S:
        return "in the future (clocks differ)"
    return f"{duration_text(seconds, n_units=1)} ago"


def bytes_text(n_bytes: int | None) -> str:
    """A number of bytes in the unit in which it reads best; a missing one is a dash.

    >>> bytes_text(512), bytes_text(3 * 2**29), bytes_text(None)
    ('512 B', '1.5 GiB', '–')
    """
    if n_bytes is None:
        return MISSING
    size, unit = float(n_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.2g} {unit}"


def tokens_text(n_tokens: float) -> str:
    """A number of tokens, to three digits from ten thousand on.

    >>> tokens_text(9876), tokens_text(123456), tokens_text(2_500_000), tokens_text(3.2e9)
    ('9,876', '123 k', '2.5 M', '3.2 G')
    """
    if n_tokens < 10_000:
        return f"{n_tokens:,.0f}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n_tokens >= size:
            return f"{n_tokens / size:.3g} {unit}"
    return f"{n_tokens:,.0f}"
