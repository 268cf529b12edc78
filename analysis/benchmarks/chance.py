"""Whether anybody does better than guessing."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from analysis.benchmarks.types import Floats

_LEVEL: Final = 0.05


def is_at_chance(
    scores: Floats, n_items: Floats, stderr: Floats, *, chance: float | None, scale: float | None, sign: float
) -> bool | None:
    """Returns whether no score of a column is above chance at 5 %, corrected for the number of scores (Bonferroni).

    The number of right answers is tested exactly where the number of items is known, else the score by its error.

    Args:
        scores: One per row; NaN where missing.
        n_items: Items behind each; NaN where unknown.
        stderr: Standard errors; NaN where unknown.
        chance: Score of guessing.
        scale: Score of a perfect answer sheet.
        sign: -1 where lower scores are better.

    Returns:
        None when the chance level is unknown, or a score's error is.
    """
    present = ~np.isnan(scores)
    if chance is None or not present.any():
        return None
    p_values = np.where(
        np.isnan(n_items[present]) | (scale is None),
        stats.norm.sf(sign * (scores[present] - chance) / stderr[present]),
        _binomial(scores[present], n_items[present], chance, scale or np.nan, sign),
    )
    if np.isnan(p_values).any():
        return None
    return bool(p_values.min() * len(p_values) > _LEVEL)


def _binomial(scores: Floats, n_items: Floats, chance: float, scale: float, sign: float) -> Floats:
    """One-sided p-values of at least this many right answers."""
    share = scores / scale if sign > 0 else 1 - scores / scale
    guess = chance / scale if sign > 0 else 1 - chance / scale
    # Scores are rounded in tables, and the mean over seeds is no whole number: the nearest count is meant.
    n_right = np.round(share * n_items)
    return np.asarray(stats.binom.sf(n_right - 1, n_items, guess), dtype=float)
