"""Which configuration is best, and how sure that is."""

from __future__ import annotations

import pandas as pd

from analysis.best_types import BestConfiguration, ConfigScore, Ranking
from analysis.curve_types import Direction

__all__ = ["BestConfiguration", "ConfigScore", "Ranking", "rank_configurations"]


def rank_configurations(results: pd.DataFrame, *, metric: str, direction: Direction = "min") -> BestConfiguration:
    """Returns the ranking of the configurations of a results table."""
    raise NotImplementedError
