"""The ranking of configurations: means with their spread, best on top."""

from __future__ import annotations

import plotly.graph_objects as go

from analysis.best_types import Ranking
from analysis.figures.theme import Theme


def plot_ranking(ranking: Ranking, *, metric: str, theme: Theme = "light", max_rows: int = 30) -> go.Figure:
    """Returns mean and standard error of each configuration, best on top."""
    raise NotImplementedError
