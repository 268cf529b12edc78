"""Loss curves: one logged metric over training, one line per run."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Literal

import pandas as pd
import plotly.graph_objects as go

from analysis.errors import SchemaError
from analysis.figures.theme import (
    DASHES,
    Theme,
    color_of,
    dash_of,
    escape,
    metric_title,
    new_figure,
    with_alpha,
    with_message,
)
from analysis.number_format import format_tried_lr
from analysis.runs.lineage import Descent

XAxis = Literal["step", "tokens_seen", "wall_time"]

X_TITLES: Final[Mapping[XAxis, str]] = {
    "step": "optimizer steps",
    "tokens_seen": "trained tokens",
    "wall_time": "seconds since the run started",
}
_RAW_ALPHA: Final = 0.25
_BRANCH: Final = "↳ "


def plot_loss_curves(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    metric: str,
    x: XAxis = "step",
    smoothing: float = 0.0,
    log_y: bool = False,
    descents: Sequence[Descent] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Returns one line per run; non-finite values are gaps, never joined over. A family of forks shares a colour.

    Args:
        curves: As `Snapshot.curves` gives it: run_id, step, tokens_seen, wall_time, value.
        runs: Rows of the runs table for the legend: run_id and, where there, name, learning_rate, batch_size, seed.
        metric: Name of the metric, for the y axis.
        x: Which column is the x axis.
        smoothing: Weight of the past in an exponential moving average over logged points, in [0, 1); 0 is off. With
            smoothing the raw line stays, faint.
        log_y: Whether the y axis is logarithmic; values of zero and below are gaps there.
        descents: The runs in order and their families; None takes them as they come, each for itself.
        theme: Light or dark.

    Raises:
        SchemaError: `smoothing` is outside [0, 1).
    """
    if not 0 <= smoothing < 1:
        raise SchemaError(f"smoothing must be at least 0 and below 1, got {smoothing}.")
    figure = new_figure(theme, x_title=X_TITLES[x], y_title=metric_title(metric))
    if log_y:
        figure.update_yaxes(type="log")
    if curves.empty:
        return with_message(figure, f"None of these runs has logged {metric} yet.", theme)
    names = _names(runs)
    groups = {str(run_id): points for run_id, points in curves.groupby("run_id", sort=False)}
    for line in descents or [Descent(run_id, index, 0, 0) for index, run_id in enumerate(groups)]:
        if line.run_id not in groups:
            continue
        points = groups[line.run_id]
        label = f"{_BRANCH * line.depth}{escape(names.get(line.run_id, line.run_id))}"
        color, dash = color_of(line.family, theme), DASHES[(line.place + _wraps(line.family)) % len(DASHES)]
        xs, ys = _axis_values(points[x]), _axis_values(points["value"], only_positive=log_y)
        if smoothing:
            _add_line(figure, xs, ys, label, with_alpha(color, _RAW_ALPHA), "solid", in_legend=False)
            ys = smooth(ys, smoothing)
        _add_line(figure, xs, ys, label, color, dash, in_legend=True)
    return figure


def _wraps(family: int) -> int:
    """How often the colours have been used up before this family; each time the dashes move on."""
    return DASHES.index(dash_of(family))


def smooth(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Returns the debiased exponential moving average; gaps stay gaps and do not count.

    `m_t = weight m_(t-1) + (1 - weight) y_t`, divided by `1 - weight^t` so that the start is not dragged to zero.
    Source: D. P. Kingma, J. Ba 2014, arXiv 1412.6980, section 3 (the bias correction).

    >>> smooth([1.0, None, 1.0], 0.9)
    [1.0, None, 1.0]
    """
    smoothed: list[float | None] = []
    average, correction = 0.0, 1.0
    for value in values:
        if value is None:
            smoothed.append(None)
            continue
        average = weight * average + (1 - weight) * value
        correction *= weight
        smoothed.append(average / (1 - correction))
    return smoothed


def _add_line(
    figure: go.Figure,
    xs: Sequence[float | None],
    ys: Sequence[float | None],
    label: str,
    color: str,
    dash: str,
    *,
    in_legend: bool,
) -> None:
    figure.add_scatter(
        x=list(xs),
        y=list(ys),
        # A run with one point would be invisible as a line.
        mode="lines" if len(ys) > 1 else "markers",
        name=label,
        legendgroup=label,
        showlegend=in_legend,
        line={"color": color, "width": 1.8, "dash": dash},
        marker={"color": color},
        connectgaps=False,
        customdata=[label] * len(ys) if in_legend else None,
        hovertemplate="%{customdata}<br>%{x}: %{y:.4f}<extra></extra>" if in_legend else None,
        hoverinfo=None if in_legend else "skip",
    )


def _axis_values(column: pd.Series, *, only_positive: bool = False) -> list[float | None]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=math.nan)
    lowest = 0.0 if only_positive else -math.inf
    return [float(value) if math.isfinite(value) and value > lowest else None for value in numbers]


def _names(runs: pd.DataFrame) -> dict[str, str]:
    """Returns run_id -> text that tells the run from the others: its hyperparameters, else its name, else its id."""
    return {str(row["run_id"]): _name(row) for row in runs.to_dict("records")}


def _name(row: Mapping[Hashable, object]) -> str:
    parts = []
    rate = row.get("learning_rate")
    if isinstance(rate, float) and math.isfinite(rate):
        parts.append(f"lr {format_tried_lr(rate)}")
    for key, short in (("batch_size", "batch"), ("lora_rank", "rank"), ("seed", "seed")):
        value = row.get(key)
        if isinstance(value, int | float) and not pd.isna(value):
            parts.append(f"{short} {int(value)}")
    return ", ".join(parts) or str(row.get("name") or row["run_id"])
