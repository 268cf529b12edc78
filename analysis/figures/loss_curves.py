"""Loss curves: one logged metric over training, one line per run."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from analysis.figures.theme import Theme

XAxis = Literal["step", "tokens_seen", "wall_time"]


def plot_loss_curves(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    metric: str,
    x: XAxis = "step",
    smoothing: float = 0.0,
    theme: Theme = "light",
) -> go.Figure:
    """Returns one line per run; `smoothing` in [0, 1) is the weight of the past in a debiased moving average."""
    raise NotImplementedError
