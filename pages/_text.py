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
