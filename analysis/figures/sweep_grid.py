"""The grid of a sweep before it runs: learning rate against another axis, what is new and what the store has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import plotly.graph_objects as go

from analysis.figures.theme import Theme, color_of, escape, ink, new_figure, with_message
from analysis.number_format import format_tried_lr

CellState = Literal["new", "partly", "done"]

_PREFERRED: Final = ("batch_size", "lora_rank")
_NAMES: Final[Mapping[CellState, str]] = {
    "new": "to be trained",
    "partly": "partly done",
    "done": "already done",
}
_SYMBOLS: Final[Mapping[CellState, str]] = {"new": "square", "partly": "diamond", "done": "circle-open"}
_COLORS: Final[Mapping[CellState, int]] = {"new": 0, "partly": 1, "done": 6}
_ROOM: Final = 1.5
_ROW_PX: Final = 46
_FRAME_PX: Final = 130
_MOST_TICKS: Final = 9


@dataclass(frozen=True, slots=True)
class GridRun:
    """One run of a grid.

    Attributes:
        learning_rate: Peak learning rate.
        settings: The other settings and the seed, JSON-able.
        is_done: Whether the store has it finished or diverged.
    """

    learning_rate: float
    settings: Mapping[str, object]
    is_done: bool


@dataclass(frozen=True, slots=True)
class GridCell:
    """All runs at one learning rate and one value of the other axis.

    Attributes:
        learning_rate: Peak learning rate.
        row: The other axis' value as text; empty where only the learning rate varies.
        n_runs: How many runs, seeds and further axes together.
        n_done: How many of these the store has.
    """

    learning_rate: float
    row: str
    n_runs: int
    n_done: int

    @property
    def state(self) -> CellState:
        """What is left to do."""
        if self.n_done == 0:
            return "new"
        return "done" if self.n_done == self.n_runs else "partly"


@dataclass(frozen=True, slots=True)
class SweepGrid:
    """A grid ready to be drawn.

    Attributes:
        row_key: The setting that makes the rows; None where only the learning rate varies.
        rows: Its values as texts, from the bottom.
        cells: In the order of the runs.
        folded: What else varies and is counted inside the cells.
    """

    row_key: str | None
    rows: tuple[str, ...]
    cells: tuple[GridCell, ...]
    folded: tuple[str, ...]

    @property
    def height_px(self) -> int:
        """How high the figure should be."""
        return _FRAME_PX + _ROW_PX * max(1, len(self.rows))


def arrange_grid(runs: Sequence[GridRun]) -> SweepGrid:
    """Returns the runs as cells: rows by batch size where it varies, else by LoRA rank, else by what varies first."""
    values: dict[str, dict[str, object]] = {}
    for run in runs:
        for key, value in run.settings.items():
            values.setdefault(key, {})[_text(value)] = value
    varying = [key for key, found in values.items() if len(found) > 1]
    candidates = [key for key in (*_PREFERRED, *varying) if key in varying and key != "seed"]
    row_key = candidates[0] if candidates else None
    counts: dict[tuple[float, str], list[bool]] = {}
    for run in runs:
        row = "" if row_key is None else _text(run.settings.get(row_key))
        counts.setdefault((run.learning_rate, row), []).append(run.is_done)
    rows = [""] if row_key is None else sorted(values[row_key], key=lambda text: _order(values[row_key][text]))
    return SweepGrid(
        row_key=row_key,
        rows=tuple(rows),
        cells=tuple(GridCell(rate, row, len(done), sum(done)) for (rate, row), done in counts.items()),
        folded=tuple(key for key in varying if key != row_key),
    )


def plot_sweep_grid(grid: SweepGrid, *, recommended: float | None = None, theme: Theme = "light") -> go.Figure:
    """Returns one mark per cell on a log learning-rate axis, with the number of runs in it where it is more than one.

    Args:
        grid: As `arrange_grid` gives it.
        recommended: The recommended learning rate, drawn as a line.
        theme: Light or dark.
    """
    figure = new_figure(theme, x_title="peak learning rate (log scale)", y_title=escape(grid.row_key or ""))
    if not grid.cells:
        return with_message(figure, "No run yet.", theme)
    for state, name in _NAMES.items():
        cells = [cell for cell in grid.cells if cell.state == state]
        if cells:
            _add_cells(figure, cells, name, state, theme)
    if recommended is not None:
        figure.add_vline(
            x=recommended,
            line={"color": ink(theme), "dash": "dot", "width": 1},
        )
        figure.add_annotation(
            x=math.log10(recommended),
            y=len(grid.rows) - 0.25,
            yanchor="top",
            xanchor="left",
            xshift=4,
            showarrow=False,
            text=f"recommended {format_tried_lr(recommended)}",
            font={"size": 11},
        )
    rates = sorted({cell.learning_rate for cell in grid.cells})
    shown = sorted({*rates, *([recommended] if recommended else [])})
    ticks = rates[:: math.ceil(len(rates) / _MOST_TICKS)]
    figure.update_xaxes(
        type="log",
        range=[math.log10(shown[0] / _ROOM), math.log10(shown[-1] * _ROOM)],
        tickvals=ticks,
        ticktext=[format_tried_lr(rate) for rate in ticks],
    )
    figure.update_layout(showlegend=True)
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=[escape(row) for row in grid.rows],
        range=[-0.6, len(grid.rows) - 0.25],
        showticklabels=grid.row_key is not None,
    )
    return figure


def _add_cells(figure: go.Figure, cells: Sequence[GridCell], name: str, state: CellState, theme: Theme) -> None:
    figure.add_scatter(
        x=[cell.learning_rate for cell in cells],
        y=[escape(cell.row) for cell in cells],
        mode="markers+text",
        name=name,
        text=[f"<b>{cell.n_runs}</b>" if cell.n_runs > 1 else "" for cell in cells],
        textposition="middle center",
        textfont={
            "color": ("#FFFFFF" if theme == "light" else "#11161d") if state != "done" else ink(theme),
            "size": 12,
        },
        marker={
            "symbol": _SYMBOLS[state],
            "size": 24,
            "color": color_of(_COLORS[state], theme),
            "line": {"width": 2, "color": color_of(_COLORS[state], theme)},
        },
        customdata=[_hover(cell) for cell in cells],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(cell: GridCell) -> str:
    left = cell.n_runs - cell.n_done
    runs = "1 run" if cell.n_runs == 1 else f"{cell.n_runs} runs"
    done = f", {cell.n_done} already done" if cell.n_done and left else ", already done" if cell.n_done else ""
    row = f", {escape(cell.row)}" if cell.row else ""
    return f"lr {format_tried_lr(cell.learning_rate)}{row}<br>{runs}{done}"


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


def _order(value: object) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if isinstance(value, int | float) else 0.0, _text(value)
