"""Loss curves of the best runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import pandas as pd

from analysis.figures.loss_curves import plot_loss_curves
from analysis.reports.evidence import Evidence
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Table, Text

MOST_RUNS: Final = 12
"""Curves that can still be told apart, with some patience (our choice)."""
_MOST_POINTS: Final = 150
_ALSO: Final = "train_loss"
_LEGEND_ROW: Final = 20
_PER_ROW: Final = 3
"""Pixels of a row of the legend, and names in it, on a desk."""


def loss_curve_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields one chart for the metric, and one for the training loss where that was logged."""
    runs = evidence.results
    finite = runs[runs["value"].abs() < float("inf")]
    best = finite.sort_values(["value", "run_id"], ascending=[evidence.direction == "min", True]).head(MOST_RUNS)
    drawn = []
    for metric in dict.fromkeys((evidence.metric, _ALSO)):
        curves = evidence.snapshot.curves(list(best["run_id"]), metric, max_points=_MOST_POINTS)
        if curves["run_id"].duplicated().any():
            drawn.append(_figure(curves, best, metric))
    if not drawn:
        yield Text("No run logged more than its last value, so there is no curve to draw.")
    elif len(runs) > len(best):
        yield Text(f"The best {len(best):,} of {len(runs):,} runs by {evidence.metric}.", "small")
    yield from drawn


def _figure(curves: pd.DataFrame, runs: pd.DataFrame, metric: str) -> Block:
    runs_drawn = int(curves["run_id"].nunique())
    name = f"curve-{'metric' if metric != _ALSO else _ALSO}"
    return make_figure(
        lambda theme: plot_loss_curves(curves, runs, metric=metric, theme=theme),
        name=name.replace("_", "-"),
        title=f"{metric} over training",
        alt=f"{metric} over training, {runs_drawn} runs",
        height=420 + _LEGEND_ROW * math.ceil(runs_drawn / _PER_ROW),
        table=Table(f"{name}-points".replace("_", "-"), f"Every point drawn of {metric}", curves, most_rows=0),
    )
