"""U-curves: the metric against the learning rate, one line per group."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.curve_types import LrCurve
from analysis.figures.theme import Theme


def plot_lr_curves(curves: Sequence[LrCurve], *, theme: Theme = "light") -> go.Figure:
    """Returns the U-curves on a log learning-rate axis, with spread, diverged runs and recommendation."""
    raise NotImplementedError
