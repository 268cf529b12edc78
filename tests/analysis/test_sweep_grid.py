"""The grid of a sweep before it runs, by what the figure holds."""

from __future__ import annotations

import itertools

import pytest

from analysis.figures.sweep_grid import GridRun, arrange_grid, plot_sweep_grid


def _runs(done: int = 0, **axes: list[object]) -> list[GridRun]:
    combinations = list(itertools.product((1e-4, 1e-3, 1e-2), *axes.values()))
    return [
        GridRun(float(str(rate)), dict(zip(axes, rest, strict=True)), index < done)
        for index, (rate, *rest) in enumerate(combinations)
    ]


def test_rows_are_batch_sizes_in_rising_order_and_seeds_are_counted() -> None:
    grid = arrange_grid(_runs(lora_rank=[4, 8], batch_size=[16, 4], seed=[0, 1, 2]))
    assert grid.row_key == "batch_size"
    assert grid.rows == ("4", "16")
    assert grid.folded == ("lora_rank", "seed")
    assert {cell.n_runs for cell in grid.cells} == {6}
    assert len(grid.cells) == 6


def test_without_a_second_axis_there_is_one_row() -> None:
    grid = arrange_grid(_runs(batch_size=[8], seed=[0, 1]))
    assert grid.row_key is None
    assert grid.rows == ("",)
    assert [cell.n_runs for cell in grid.cells] == [2, 2, 2]


def test_an_axis_of_words_makes_rows_too() -> None:
    grid = arrange_grid(_runs(lr_schedule=["linear", "cosine"], clip=[1.0, None]))
    assert grid.row_key == "lr_schedule"
    assert grid.rows == ("cosine", "linear")
    assert grid.folded == ("clip",)


def test_what_the_store_has_is_told_from_what_is_new() -> None:
    grid = arrange_grid(_runs(done=3, seed=[0, 1]))
    figure = plot_sweep_grid(grid, recommended=5e-4)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["to be trained", "partly done", "already done"]
    assert list(traces["already done"].x) == [1e-4]
    assert list(traces["partly done"].x) == [1e-3]
    assert list(traces["to be trained"].x) == [1e-2]
    assert len({trace.marker.symbol for trace in figure.data}) == 3
    assert "1 already done" in traces["partly done"].customdata[0]
    assert figure.layout.xaxis.type == "log"
    assert [shape.x0 for shape in figure.layout.shapes] == [5e-4]


@pytest.mark.parametrize("n_rows", [1, 6])
def test_the_figure_grows_with_its_rows(n_rows: int) -> None:
    grid = arrange_grid(_runs(batch_size=list(range(n_rows))))
    assert grid.height_px == pytest.approx(130 + 46 * n_rows)
    assert list(plot_sweep_grid(grid).layout.yaxis.categoryarray) == list(grid.rows)


def test_hostile_values_are_inert() -> None:
    grid = arrange_grid(_runs(target=["<b>x</b>", "<img src=x>"]))
    figure = plot_sweep_grid(grid)
    assert "<img" not in str(figure.to_plotly_json())
    assert "<b>x" not in str(figure.to_plotly_json())


def test_an_empty_grid_says_so() -> None:
    assert plot_sweep_grid(arrange_grid([])).layout.annotations[0].text == "No run yet."
