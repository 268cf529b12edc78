"""Figures of importances, trials, trade-offs and searches: what is drawn, and what is never hidden."""

from __future__ import annotations

import json
import math

import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.figures.bulk import worst_shown
from analysis.figures.importance import MAIN_NAME, UNEXPLAINED, plot_importance
from analysis.figures.parallel_coordinates import plot_parallel_coordinates
from analysis.figures.pareto import frame_of, plot_pareto
from analysis.figures.search_progress import plot_search_progress
from analysis.importance.compute import compute_importance
from analysis.importance.trial_table import TrialTable, make_trial_tables
from analysis.pareto.front import compute_pareto
from analysis.pareto.types import Objective
from analysis.search.progress import compute_search_progress
from tests.analysis.sweeps import make_results

LRS = (1e-5, 1e-4, 1e-3)
LOSS = Objective(name="eval_loss", direction="min")
MEMORY = Objective(name="peak_memory_bytes", direction="min", scale="log")


def sweep(**columns: object) -> pd.DataFrame:
    """Three learning rates by two batch sizes; the loss is the index, the memory falls with it."""
    rows = [(rate, size) for rate in LRS for size in (4, 8)]
    return make_results(
        {
            "learning_rate": rate,
            "batch_size": size,
            "value": float(index),
            "eval_loss": float(index),
            "peak_memory_bytes": 2.0 ** (35 - index),
            "created_at": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(seconds=index),
            "wall_s": 1.0,
            **columns,
        }
        for index, (rate, size) in enumerate(rows)
    )


def names(figure: go.Figure) -> list[str]:
    return [trace.name for trace in figure.data]


def one_table(results: pd.DataFrame) -> TrialTable:
    (table,) = make_trial_tables(results, metric="eval_loss")
    return table


def test_importance_shows_the_unexplained_share_beside_the_bars() -> None:
    (group,) = compute_importance(sweep(), metric="eval_loss", scale="value").groups
    figure = plot_importance(group)
    main, rest = figure.data

    assert main.name == MAIN_NAME
    assert list(main.y) == ["learning_rate", "batch_size"]
    assert main.x == pytest.approx([100 * item.main for item in group.importances])
    assert main.error_x.visible
    assert list(rest.y) == [UNEXPLAINED]
    assert rest.x == pytest.approx([100 * (group.unexplained or 0)])
    assert list(figure.layout.yaxis.categoryarray) == ["learning_rate", "batch_size", UNEXPLAINED]
    assert figure.layout.xaxis.range == (0, 100)


def test_importance_without_a_ranking_says_so() -> None:
    (group,) = compute_importance(sweep().iloc[:1], metric="eval_loss").groups
    assert "no ranking" in plot_importance(group).layout.annotations[0].text


def test_a_line_per_trial_with_log_ticks_and_the_diverged_apart() -> None:
    results = sweep()
    is_last = results.index == 5
    results = results.assign(
        status=results["status"].mask(is_last, "diverged"), value=results["value"].mask(is_last, math.nan)
    )
    (trace,) = plot_parallel_coordinates(one_table(results), metric="eval_loss").data
    rate, size, metric = trace.dimensions

    assert [dimension.label for dimension in trace.dimensions] == ["learning_rate", "batch_size", "eval_loss"]
    assert list(rate.ticktext) == ["1e-05", "0.0001", "0.001"]
    assert list(size.ticktext) == ["4", "8"]
    assert metric.ticktext[-1] == "diverged"
    assert metric.tickvals[-1] > 4.0
    assert max(metric.values) == metric.tickvals[-1]
    assert sum(value == metric.tickvals[-1] for value in metric.values) == 1
    # The diverged one has the lowest colour value, and lines of the best are drawn last.
    assert trace.line.colorscale[0] == (0.0, "#D55E00")
    assert min(trace.line.color) == trace.line.cmin == -metric.tickvals[-1]
    assert max(trace.line.color) == trace.line.cmax == 0.0


def test_higher_is_better_puts_the_diverged_below() -> None:
    results = sweep()
    results = results.assign(status=results["status"].mask(results.index == 5, "diverged"))
    (trace,) = plot_parallel_coordinates(one_table(results), metric="score", direction="max").data
    assert trace.dimensions[-1].tickvals[-1] < 0
    assert trace.line.colorscale[0] == (0.0, "#D55E00")


def test_values_that_blew_up_are_gathered_at_a_tick_that_says_so() -> None:
    results = make_results(
        {"learning_rate": 1e-4 * 1.1**index, "value": 1e4 if index > 28 else index / 10} for index in range(30)
    )
    (trace,) = plot_parallel_coordinates(one_table(results), metric="eval_loss").data
    metric = trace.dimensions[-1]
    assert metric.ticktext[-1] == "≥ 2.6"
    assert max(metric.values) == pytest.approx(2.6)


@pytest.mark.parametrize(
    ("values", "direction", "edge"),
    [
        ([1.0], "min", None),
        ([1.0, 2.0, 3.0], "min", None),
        ([*range(19), 1000.0], "min", 17.0),
        ([*range(19), -1000.0], "max", 1.0),
        ([1.0] * 9 + [5.0], "min", None),
    ],
)
def test_the_worst_value_shown(values: list[float], direction: str, edge: float | None) -> None:
    assert worst_shown(values, "min" if direction == "min" else "max") == edge


def test_every_figure_of_nothing_is_a_sentence() -> None:
    table = TrialTable(group={}, label="", axes=(), trial_keys=(), values=(), n_runs=(), run_ids=())
    front = compute_pareto(sweep(status="failed"), objectives=[LOSS, MEMORY]).overall
    figures = [
        plot_parallel_coordinates(table, metric="x"),
        plot_pareto(front, [MEMORY, LOSS]),
        plot_search_progress([], metric="x", cost="wall_s"),
    ]
    assert all(figure.layout.annotations for figure in figures)


def test_a_front_is_a_staircase_with_its_picks() -> None:
    front = compute_pareto(sweep(), objectives=[LOSS, MEMORY]).overall
    figure = plot_pareto(front, [MEMORY, LOSS])

    assert names(figure) == ["front", "on the front (6)", "best eval_loss", "best peak_memory_bytes"]
    stairs = figure.data[0]
    assert stairs.line.shape == "hv"
    assert list(stairs.x) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert list(stairs.y) == [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "peak_memory (GiB), lower is better"
    assert "run r000" in figure.data[1].customdata[0]


def test_a_third_objective_is_colour_and_leaves_no_staircase() -> None:
    third = Objective(name="wall_s", direction="min", scale="log")
    front = compute_pareto(sweep(), objectives=[LOSS, MEMORY, third]).overall
    figure = plot_pareto(front, [MEMORY, LOSS, third])
    assert "front" not in names(figure)
    assert figure.layout.coloraxis.colorbar.title.text == "wall (s), lower is better"


def test_an_axis_squeezed_by_a_few_is_framed() -> None:
    rows = sweep()
    wide = pd.concat(
        [rows.assign(trial_key=rows["trial_key"] + str(copy), run_id=rows["run_id"] + str(copy)) for copy in range(4)]
    )
    wide = wide.assign(eval_loss=[*range(23), 1e6])
    front = compute_pareto(wide.reset_index(drop=True), objectives=[LOSS, MEMORY]).overall
    limits = frame_of(front, LOSS)
    assert limits is not None
    assert limits[0] < 0 < 20 < limits[1] < 30
    assert frame_of(front, MEMORY) is None


def test_regret_is_drawn_as_right_continuous_steps_up_to_what_was_spent() -> None:
    found = compute_search_progress(sweep(), metric="eval_loss", direction="max", cost="wall_s")
    figure = plot_search_progress(found.curves, metric="eval_loss", cost=found.cost)
    (line,) = figure.data

    assert line.line.shape == "hv"
    assert list(line.x) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0]
    assert list(line.y) == [5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0]
    assert figure.layout.yaxis.rangemode == "tozero"
    assert figure.layout.xaxis.title.text == "seconds of training, all runs of the search"


def test_repeated_searches_have_a_band() -> None:
    rows = [sweep(sweep_id=f"s{index}", seed=index, config_json='{"sampler": "random"}') for index in range(2)]
    both = pd.concat(rows, ignore_index=True)
    both["run_id"] = [f"x{index}" for index in range(len(both))]
    found = compute_search_progress(both, metric="eval_loss", by="sampler", cost="evaluations")
    figure = plot_search_progress(found.curves, metric="eval_loss", cost=found.cost)
    assert [trace.fill for trace in figure.data] == [None, "tonexty", None]
    assert "median of 2" in names(figure)[-1]


def test_names_from_outside_are_shown_as_they_are() -> None:
    rows = make_results(
        {"learning_rate": rate, "value": rate * size, "config_json": json.dumps({"<b>size</b>": size})}
        for rate in LRS
        for size in (1, 2)
    )
    (group,) = compute_importance(rows, metric="<i>x</i>").groups
    assert "&lt;b&gt;size&lt;/b&gt;" in plot_importance(group).data[0].y
    (trace,) = plot_parallel_coordinates(one_table(rows), metric="<i>x</i>").data
    assert [dimension.label for dimension in trace.dimensions][1:] == [
        "&lt;b&gt;size&lt;/b&gt;",
        "&lt;i&gt;x&lt;/i&gt;",
    ]
