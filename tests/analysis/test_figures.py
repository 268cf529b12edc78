"""Figures by what they hold: names, arrays, axis types and titles; never by their pixels."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from analysis.errors import SchemaError
from analysis.figures.best_config import plot_ranking
from analysis.figures.loss_curves import plot_loss_curves, smooth
from analysis.figures.lr_curve import plot_lr_curves
from analysis.figures.ranking_differences import plot_differences
from analysis.figures.theme import Theme, color_of, dash_of, new_figure, symbol_of
from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.ranking.rank import rank_configurations
from tests.analysis.sweeps import losses, make_results, u_rows

THEMES: tuple[Theme, ...] = get_args(Theme)


def _curves() -> list[LrCurve]:
    generator = np.random.default_rng(3)
    rows = [row for size in (4, 16) for row in u_rows(seeds=2, sd=0.01, generator=generator, batch_size=size)]
    rows.append({"learning_rate": 5e-2, "batch_size": 16, "status": "diverged", "value": math.nan})
    return compute_lr_curves(make_results(rows), metric="eval_loss")


def _named(figure: go.Figure, name: str) -> go.Scatter:
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def _texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_u_curves_draw_means_runs_fit_optimum_and_divergence() -> None:
    curves = _curves()
    figure = plot_lr_curves(curves)
    assert [trace.name for trace in figure.data] == [
        "batch_size 4: 95 % band",
        "batch_size 4: single runs",
        "batch_size 4",
        "batch_size 4: local fit",
        "batch_size 4: optimum",
        "batch_size 16: 95 % band",
        "batch_size 16: single runs",
        "batch_size 16",
        "batch_size 16: local fit",
        "batch_size 16: optimum",
        "batch_size 16: diverged",
    ]
    means = _named(figure, "batch_size 4")
    assert list(means.x) == [point.learning_rate for point in curves[0].points]
    assert list(means.y) == [point.mean for point in curves[0].points]
    assert list(means.error_y.array) == [point.sd for point in curves[0].points]
    assert len(_named(figure, "batch_size 4: single runs").x) == 14
    assert list(_named(figure, "batch_size 16: diverged").x) == [5e-2]
    assert list(_named(figure, "batch_size 4: optimum").x) == [curves[0].optimum_lr]


def test_u_curves_have_a_log_axis_with_titles_and_units() -> None:
    figure = plot_lr_curves(_curves())
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "peak learning rate (log scale)"
    assert figure.layout.yaxis.title.text == "eval_loss (nats per target token)"
    low, high = figure.layout.xaxis.range
    assert low < math.log10(1e-5) < math.log10(5e-2) < high
    assert list(figure.layout.xaxis.ticktext) == ["1e-5", "1e-4", "1e-3", "1e-2"]


def test_hover_tells_identity_n_and_spread() -> None:
    (curve,) = compute_lr_curves(make_results(u_rows(seeds=2, batch_size=4)), metric="eval_loss")
    text = _named(plot_lr_curves([curve]), "all runs").customdata[0]
    assert "all runs" in text
    assert "learning rate 1e-5" in text
    assert "(sd)" in text
    assert "n = 2" in text
    assert "r000, r001" in text


def test_the_recommended_learning_rate_is_a_line_with_its_regret() -> None:
    (curve,) = compute_lr_curves(make_results(u_rows()), metric="eval_loss")
    figure = plot_lr_curves([curve])
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == curve.recommended_lr
    assert _texts(figure) == ["recommended 2.86e-4<br>regret 0.01 %"]
    assert _texts(plot_lr_curves(_curves())) == ["recommended 2.86e-4"]


def test_a_curve_without_optimum_has_no_fit() -> None:
    curves = compute_lr_curves(make_results(losses([1e-4, 2e-4], [2.1, 2.0])), metric="accuracy")
    figure = plot_lr_curves(curves)
    assert [trace.name for trace in figure.data] == ["all runs", "all runs: only a bound"]
    assert figure.layout.yaxis.title.text == "accuracy"
    (bound,) = _named(figure, "all runs: only a bound").customdata
    assert "may be higher still" in bound


def test_the_band_holds_the_fit() -> None:
    figure = plot_lr_curves(_curves())
    band, fit = _named(figure, "batch_size 4: 95 % band"), _named(figure, "batch_size 4: local fit")
    n = len(fit.x)
    upper, lower = np.array(band.y[:n]), np.array(band.y[n:][::-1])
    assert np.all(lower < np.array(fit.y))
    assert np.all(np.array(fit.y) < upper)


@pytest.mark.parametrize(("n_curves", "has_legend"), [(8, True), (100, False)])
def test_many_curves_are_thin_lines_that_still_name_themselves(n_curves: int, has_legend: bool) -> None:
    rows = [row for size in range(1, n_curves + 1) for row in u_rows(seeds=1, batch_size=size)]
    curves = compute_lr_curves(make_results(rows), metric="eval_loss")
    figure = plot_lr_curves(curves)
    assert figure.layout.showlegend is has_legend
    assert "batch_size 1" in _named(figure, "batch_size 1").customdata[0]
    assert len(figure.data) <= (4 if n_curves <= 8 else 2) * n_curves


@pytest.mark.parametrize("theme", THEMES)
def test_empty_and_all_diverged_figures_say_something(theme: Theme) -> None:
    assert _texts(plot_lr_curves([], theme=theme)) == ["No finished run has this metric yet."]
    diverged = make_results(losses([1e-3, 1e-2], [math.nan, math.nan], status="diverged"))
    figure = plot_lr_curves(compute_lr_curves(diverged, metric="eval_loss"), theme=theme)
    assert list(_named(figure, "all runs: diverged").x) == [1e-3, 1e-2]
    best = rank_configurations(diverged, metric="eval_loss").overall
    assert _texts(plot_ranking(best, metric="eval_loss", theme=theme)) == ["No configuration has a finished run yet."]


def test_names_are_shown_as_they_are_not_read_as_tags() -> None:
    rows = [*u_rows(model="<b>a</b>"), *u_rows(model="b")]
    figure = plot_lr_curves(compute_lr_curves(make_results(rows), metric="<i>loss"))
    assert "model &lt;b&gt;a&lt;/b&gt;" in [trace.name for trace in figure.data]
    assert figure.layout.yaxis.title.text == "&lt;i&gt;loss"


@pytest.mark.parametrize("theme", THEMES)
def test_backgrounds_are_transparent_and_lines_are_told_apart_without_colour(theme: Theme) -> None:
    figure = plot_lr_curves(_curves(), theme=theme)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    looks = {(color_of(index, theme), symbol_of(index), dash_of(index)) for index in range(35)}
    assert len(looks) == 35
    json.loads(figure.to_json())


# --- loss curves ------------------------------------------------------------------------------------------------------


def _logged() -> tuple[pd.DataFrame, pd.DataFrame]:
    curves = pd.DataFrame(
        {
            "run_id": ["a", "a", "a", "b"],
            "step": [0, 1, 2, 0],
            "tokens_seen": [10, 20, 30, 10],
            "wall_time": [0.5, 1.0, 1.5, 0.5],
            "value": [3.0, math.nan, 2.0, 3.5],
        }
    )
    runs = pd.DataFrame(
        {
            "run_id": ["a", "b"],
            "name": ["first", "second"],
            "learning_rate": [1e-4, math.nan],
            "batch_size": pd.array([8, pd.NA], dtype="Int64"),
            "seed": [0, None],
        }
    )
    return curves, runs


@pytest.mark.parametrize(
    ("x", "title", "values"),
    [
        ("step", "optimizer steps", [0, 1, 2]),
        ("tokens_seen", "trained tokens", [10, 20, 30]),
        ("wall_time", "seconds since the run started", [0.5, 1, 1.5]),
    ],
)
def test_loss_curves_over_each_axis(x: str, title: str, values: list[float]) -> None:
    curves, runs = _logged()
    figure = plot_loss_curves(curves, runs, metric="train_loss", x=x)  # type: ignore[arg-type]
    assert [trace.name for trace in figure.data] == ["lr 1e-4, batch 8, seed 0", "second"]
    assert figure.layout.xaxis.title.text == title
    assert figure.layout.yaxis.title.text == "train_loss (nats per target token)"
    assert list(figure.data[0].x) == values
    assert list(figure.data[0].y) == [3.0, None, 2.0]
    assert figure.data[0].connectgaps is False
    assert figure.data[1].mode == "markers"  # one point makes no line


def test_smoothing_keeps_the_raw_line_and_the_gaps() -> None:
    curves, runs = _logged()
    figure = plot_loss_curves(curves, runs, metric="train_loss", smoothing=0.5)
    assert len(figure.data) == 4
    raw, smoothed = figure.data[:2]
    assert list(raw.y) == [3.0, None, 2.0]
    assert (raw.showlegend, smoothed.showlegend) == (False, True)
    assert smoothed.y[1] is None
    assert smoothed.y[2] == pytest.approx((0.25 * 3 + 0.5 * 2) / 0.75)


def test_smoothing_is_pandas_debiased_moving_average() -> None:
    values = np.random.default_rng(0).normal(size=50)
    expected = pd.Series(values).ewm(alpha=0.1, adjust=True).mean()
    np.testing.assert_allclose(np.array(smooth(values.tolist(), 0.9), dtype=float), expected, rtol=1e-9)


def test_a_wrong_smoothing_is_refused_and_no_curve_says_so() -> None:
    curves, runs = _logged()
    with pytest.raises(SchemaError, match=r"smoothing must be at least 0 and below 1, got 1\.0"):
        plot_loss_curves(curves, runs, metric="train_loss", smoothing=1.0)
    assert _texts(plot_loss_curves(curves.head(0), runs, metric="grad_norm")) == [
        "None of these runs has logged grad_norm yet."
    ]


# --- ranking ----------------------------------------------------------------------------------------------------------


def _ranked_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"learning_rate": 3e-4, "batch_size": size, "seed": seed, "value": value}
        for size, values in {4: [2.0, 2.02], 8: [2.01, 2.05], 16: [2.6, 2.61], 32: [1.0]}.items()
        for seed, value in enumerate(values)
    ]
    rows.append({"learning_rate": 3e-4, "batch_size": 32, "seed": 1, "status": "diverged", "value": math.nan})
    return rows


def test_the_ranking_has_the_best_on_top_and_four_kinds_of_points() -> None:
    ranking = rank_configurations(make_results(_ranked_rows()), metric="eval_loss").overall
    figure = plot_ranking(ranking, metric="eval_loss")
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "single runs": ["batch 4", "batch 4", "batch 8", "batch 8", "batch 16", "batch 16", "batch 32"],
        "winner": ["batch 4"],
        "not told from the winner": ["batch 8"],
        "worse": ["batch 16"],
        "a run diverged": ["batch 32"],
    }
    assert list(figure.layout.yaxis.categoryarray) == ["batch 32", "batch 16", "batch 8", "batch 4"]
    assert figure.layout.xaxis.title.text == "mean eval_loss ± SE<br>(nats per target token)"
    winner = _named(figure, "winner")
    assert list(winner.x) == [pytest.approx(2.01)]
    assert ranking.winner is not None
    assert list(winner.error_x.array) == [ranking.winner.se]
    assert "n = 2" in winner.customdata[0]


def test_differences_to_the_winner_have_intervals_and_say_who_is_equal() -> None:
    ranking = rank_configurations(make_results(_ranked_rows()), metric="eval_loss").overall
    figure = plot_differences(ranking, metric="eval_loss")
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "not told from the winner": ["batch 8"],
        "worse": ["batch 16"],
    }
    assert figure.layout.xaxis.title.text.startswith("difference over shared seeds to the winner, 95 % interval")
    score = ranking.ranking[1]
    assert score.difference_interval is not None
    trace = figure.data[0]
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(score.difference_interval[0])
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(score.difference_interval[1])
    alone = rank_configurations(make_results(u_rows()), metric="eval_loss").overall
    assert _texts(plot_differences(alone, metric="m")) == ["There is no other configuration with known noise."]


def test_an_unreplicated_ranking_has_no_error_bars_and_claims_no_difference() -> None:
    ranking = rank_configurations(make_results(u_rows()), metric="eval_loss").overall
    figure = plot_ranking(ranking, metric="eval_loss", max_rows=3)
    assert [trace.name for trace in figure.data] == ["winner", "others"]
    assert not any(trace.error_x.visible for trace in figure.data)
    assert figure.layout.xaxis.title.text.endswith("best 3 of 7 configurations")


def test_a_long_label_takes_two_lines() -> None:
    rows = [
        {"learning_rate": rate, "batch_size": size, "lora_rank": rank, "value": 2.0 + 100 * rate + size + rank}
        for rate in (1e-4, 2e-4, 4e-4)
        for size in (4, 16)
        for rank in (8, 32)
    ]
    figure = plot_ranking(rank_configurations(make_results(rows), metric="eval_loss").overall, metric="eval_loss")
    assert figure.layout.yaxis.categoryarray[-1] == "lr 1e-4, batch 4,<br>rank 8"


def test_nothing_finite_has_no_numbers_on_the_loss_axis() -> None:
    rows = [{"learning_rate": rate, "status": "diverged", "value": math.nan} for rate in (1e-2, 2e-2)]
    figure = plot_lr_curves(compute_lr_curves(make_results(rows), metric="eval_loss"))
    assert figure.layout.yaxis.showticklabels is False
    assert len(_named(figure, "all runs: diverged").x) == 2


def test_equal_names_do_not_share_a_row() -> None:
    rows = [{"learning_rate": 1e-4, "value": 2.0 + index, "trial_key": f"key{index}abcdef"} for index in range(2)]
    figure = plot_ranking(rank_configurations(make_results(rows), metric="m").overall, metric="m")
    assert len(set(figure.layout.yaxis.categoryarray)) == 2


def test_the_buttons_in_the_corner_have_a_line_above_the_legend() -> None:
    legend = new_figure("light", x_title="x", y_title="y").layout.legend
    assert (legend.title.side, legend.title.text) == ("top", "&nbsp;")


def test_many_recommended_rates_share_one_label_with_their_range() -> None:
    curve = _curves()[0]
    assert curve.recommendation is not None
    curves = [
        replace(curve, label=f"{rate}", recommendation=replace(curve.recommendation, learning_rate=rate))
        for rate in (4e-4, 2e-4, 3e-4)
    ]
    figure = plot_lr_curves(curves)
    assert _texts(figure) == ["recommended 2e-4 to 4e-4"]
    assert len(figure.layout.shapes) == 3
