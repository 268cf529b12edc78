from __future__ import annotations

import dataclasses
import json
from typing import get_args

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.benchmarks.report import BenchmarkReport, report_benchmarks, sort_rows
from analysis.figures.benchmark_heatmap import MOST_LABELLED_COLUMNS, chart_height, plot_benchmark_heatmap
from analysis.figures.loss_vs_benchmark import plot_loss_against_benchmark
from analysis.figures.theme import Theme
from tests.analysis.benchmarks.tables import evals_of, runs_of

SCORES = np.array([[0.8, 0.25, np.nan], [0.6, 0.26, 0.7], [0.7, 0.24, 0.5]])


def _report(scores: np.ndarray = SCORES, **options: object) -> BenchmarkReport:
    runs = runs_of(scores, name=[f"<run {row}>" for row in range(len(scores))], value=np.linspace(2, 3, len(scores)))
    return report_benchmarks(evals_of(scores), runs, metric="eval_loss", **options)  # type: ignore[arg-type]


def _cells(figure: go.Figure) -> np.ndarray:
    return np.array(figure.data[0].z, dtype=float)


@pytest.mark.parametrize("theme", get_args(Theme))
def test_a_heatmap_has_a_cell_per_score_and_says_so(theme: Theme) -> None:
    figure = plot_benchmark_heatmap(_report(), theme=theme)
    cells, grey = _cells(figure), np.array(figure.data[1].z, dtype=float)
    assert cells.shape == (3, 3)
    assert np.isnan(cells).tolist() == [[False, True, True], [False, True, False], [False, True, False]]
    assert np.isnan(grey).tolist() == [[True, False, True]] * 3
    assert list(figure.layout.xaxis.ticktext) == ["b00", "b01 (at chance)", "b02"]
    assert list(figure.layout.yaxis.ticktext) == ["&lt;run 0&gt;", "&lt;run 1&gt;", "&lt;run 2&gt;"]
    assert figure.layout.yaxis.range == (2.5, -0.5)
    json.loads(figure.to_json())


def test_every_score_is_coloured_between_the_worst_and_the_best_of_its_column() -> None:
    assert _cells(plot_benchmark_heatmap(_report()))[:, 0].tolist() == pytest.approx([1.0, 0.0, 0.5])


def test_a_missing_cell_is_a_cross_and_has_no_number() -> None:
    figure = plot_benchmark_heatmap(_report())
    (crosses,) = [trace for trace in figure.data if trace.name == "not measured"]
    assert (list(crosses.x), list(crosses.y)) == ([2], [0])
    assert "not measured" in crosses.customdata[0]
    assert figure.data[0].text[0][2] == ""


def test_cells_carry_score_and_error_and_tell_the_rest_when_pointed_at() -> None:
    figure = plot_benchmark_heatmap(_report())
    assert figure.data[0].text[0][0] == "0.800<br>±0.013"
    hover = figure.data[0].customdata[0][0]
    assert "&lt;run 0&gt;" in hover
    assert "score 0.800 ± 0.013 (item error)" in hover
    assert "1,000 items, step 100" in hover
    assert "chance 0.25" in hover


def test_with_a_baseline_colours_are_differences_and_real_ones_are_bold() -> None:
    figure = plot_benchmark_heatmap(_report(baseline="r001"))
    assert _cells(figure)[:, 0].tolist() == pytest.approx([0.2, 0.0, 0.1])
    assert figure.data[0].zmin == -figure.data[0].zmax
    assert figure.data[0].text[0][0].startswith("<b>+0.200")
    assert "really different" in figure.data[0].customdata[0][0]
    assert "better than" in figure.data[0].colorbar.title.text


def test_rows_are_drawn_in_the_order_asked_for_and_no_more_than_fit() -> None:
    report = _report()
    order = sort_rows(report, "b02")
    figure = plot_benchmark_heatmap(report, order=order, max_rows=2)
    assert list(figure.layout.yaxis.ticktext) == ["&lt;run 1&gt;", "&lt;run 2&gt;"]
    assert "first 2 of 3" in figure.layout.yaxis.title.text


@pytest.mark.parametrize("normalise", [None, "chance", "z"])
def test_every_scale_can_be_drawn(normalise: str | None) -> None:
    figure = plot_benchmark_heatmap(_report(normalise=normalise))
    assert np.isfinite(_cells(figure)[:, 0]).all()


def test_many_columns_have_no_numbers_in_their_cells() -> None:
    wide = _report(np.full((2, MOST_LABELLED_COLUMNS + 1), 0.6))
    assert {text for row in plot_benchmark_heatmap(wide).data[0].text for text in row} == {""}
    assert chart_height(wide) < chart_height(_report(np.full((2, 3), 0.6)))


def test_long_names_of_benchmarks_take_no_room_from_the_rows() -> None:
    plain = _report(np.array([[0.3, 0.8], [0.6, 0.9]]))
    long = [dataclasses.replace(one, key="a-rather-long-benchmark", at_chance=True) for one in plain.matrix.columns]
    named = dataclasses.replace(plain, matrix=dataclasses.replace(plain.matrix, columns=tuple(long)))

    labels = plot_benchmark_heatmap(named).layout.xaxis.ticktext
    assert labels[0] == "a-rather-long-benchmark (at chance)"
    assert chart_height(named) - chart_height(plain) >= 100


def test_without_a_score_there_is_a_sentence() -> None:
    empty = _report(np.full((0, 0), np.nan))
    assert plot_benchmark_heatmap(empty).layout.annotations[0].text == "No benchmark score yet."


def test_loss_against_benchmark_shows_points_errors_groups_chance_and_picks() -> None:
    scores = np.array([[0.6], [0.8], [0.7], [0.5]])
    runs = runs_of(scores, value=[2.0, 2.1, 2.2, 2.3], model=["a", "a", "b", "b"])
    report = report_benchmarks(evals_of(scores), runs, metric="eval_loss", within=("model",))
    assert report.correlation is not None
    figure = plot_loss_against_benchmark(report.matrix, report.correlation, "b00")
    assert [trace.name for trace in figure.data] == [
        *("model a", "model b", "picked by the loss", "best score", "not what its loss says"),
    ]
    # The first has the better loss and by far the worse score than the second; with the other model they agree.
    assert (list(figure.data[4].x), list(figure.data[4].marker.symbol)) == ([2.0], ["triangle-down-open"])
    assert list(figure.data[0].x) == [2.0, 2.1]
    assert list(figure.data[0].y) == [0.6, 0.8]
    np.testing.assert_allclose(figure.data[0].error_y.array, report.matrix.stderr[:2, 0])
    assert (list(figure.data[2].x), list(figure.data[3].x)) == ([2.0], [2.1])
    assert figure.layout.xaxis.title.text == "eval_loss (nats per target token)"
    assert figure.layout.yaxis.title.text == "b00: acc ± item error"
    assert figure.layout.shapes[0].y0 == 0.25


def test_without_a_loss_the_scatter_says_so() -> None:
    scores = np.full((2, 1), 0.6)
    report = report_benchmarks(evals_of(scores), runs_of(scores, value=[np.nan, np.nan]), metric="eval_loss")
    assert report.correlation is not None
    figure = plot_loss_against_benchmark(report.matrix, report.correlation, "b00")
    assert "No row has both" in figure.layout.annotations[0].text


def test_of_very_many_rows_some_are_drawn_and_the_axis_says_so() -> None:
    scores = np.linspace(0.3, 0.9, 50)[:, None]
    losses = np.linspace(2.0, 3.0, 50)
    report = report_benchmarks(evals_of(scores), runs_of(scores, value=losses), metric="eval_loss")
    assert report.correlation is not None
    figures = [
        plot_loss_against_benchmark(report.matrix, report.correlation, "b00", max_points=most) for most in (20, 20, 50)
    ]
    drawn = [[x for trace in figure.data[:1] for x in trace.x] for figure in figures]
    assert [len(points) for points in drawn] == [20, 20, 50]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) < set(drawn[2])
    assert figures[0].layout.xaxis.title.text.endswith(", 20 of 50 rows")
    # Rows that are marked stay marked, drawn or not.
    assert [trace.name for trace in figures[0].data[1:]] == [trace.name for trace in figures[2].data[1:]]


def test_points_of_a_crowd_have_no_error_bars_and_the_axis_promises_none() -> None:
    for n_rows, has_bars in ((100, True), (101, False)):
        scores = np.linspace(0.3, 0.9, n_rows)[:, None]
        report = report_benchmarks(
            evals_of(scores), runs_of(scores, value=np.linspace(2.0, 3.0, n_rows)), metric="eval_loss"
        )
        assert report.correlation is not None
        figure = plot_loss_against_benchmark(report.matrix, report.correlation, "b00")
        assert figure.data[0].error_y.visible is has_bars
        assert figure.layout.yaxis.title.text.endswith("item error") is has_bars
