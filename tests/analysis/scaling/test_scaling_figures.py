from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.figures.batch_scaling import plot_batch_scaling
from analysis.figures.collapse import near_range, plot_collapse
from analysis.figures.lr_scaling import plot_lr_scaling
from analysis.scaling.batch_scaling import compute_batch_scaling
from analysis.scaling.lr_scaling import compute_lr_scaling
from tests.analysis.scaling.laws import GRID, hinged, make_sweep
from tests.analysis.sweeps import make_results


def test_batch_scaling_shows_optima_rules_and_the_law() -> None:
    found = compute_batch_scaling(make_sweep(ranks=(4, 8), seeds=1), metric="eval_loss")
    figure = plot_batch_scaling(found)
    traces = {trace.name: trace for trace in figure.data}
    assert {"slope 0", "slope 1/2", "slope 1", "lora_rank 4", "lora_rank 8"} <= set(traces)
    assert list(traces["lora_rank 4"].x) == [8, 16, 32, 64, 128]
    half = traces["slope 1/2"]
    assert math.log(half.y[-1] / half.y[0]) == pytest.approx(0.5 * math.log(half.x[-1] / half.x[0]))
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert figure.layout.xaxis.title.text == "batch_size (sequences per step), log scale"
    (law,) = [trace for name, trace in traces.items() if name.startswith("power law")]
    assert found.law.alpha is not None
    assert math.log(law.y[-1] / law.y[0]) == pytest.approx(found.law.alpha * math.log(law.x[-1] / law.x[0]))


def test_edge_optima_are_open_triangles_and_a_better_hinge_is_drawn() -> None:
    results = make_sweep(
        law=hinged(0.9, 0.0, 32), batches=(8, 16, 32, 64, 128, 256), ranks=(4, 8, 16), grid=GRID[2:], sd=0.002
    )
    found = compute_batch_scaling(results, metric="eval_loss")
    traces = {trace.name: trace for trace in plot_batch_scaling(found, theme="dark").data}
    assert found.hinge.is_better
    assert "two slopes with a break" in traces
    curve = np.log(traces["two slopes with a break"].y)
    assert curve[-1] - curve[-20] < 0.3 * (curve[20] - curve[0]) + 0.1
    low = make_sweep(batches=(8, 16, 32, 64), ranks=(4,), grid=GRID[4:])
    bounds = [
        trace for trace in plot_batch_scaling(compute_batch_scaling(low, metric="m")).data if "bound" in trace.name
    ]
    assert set(bounds[0].marker.symbol) == {"triangle-down-open"}


def test_the_collapse_divides_by_batch_to_the_alpha() -> None:
    collapse = compute_batch_scaling(make_sweep(ranks=(8,), seeds=1), metric="eval_loss").collapse
    figure = plot_collapse(collapse.points, alpha=0.5, metric="eval_loss", batch_axis="batch_size")
    assert [trace.name for trace in figure.data] == [f"batch_size {size}" for size in (8, 16, 32, 64, 128)]
    assert figure.data[1].x[0] == pytest.approx(GRID[0] / 4)
    assert figure.layout.xaxis.title.text == "learning rate / batch_size^0.50 (log scale)"
    low, high = near_range(collapse.points)
    assert low < 0 < max(point.excess for point in collapse.points if point.is_near) < high


def test_empty_figures_say_why() -> None:
    empty = make_results([])
    batch = plot_batch_scaling(compute_batch_scaling(empty, metric="m"))
    assert "No batch size" in batch.layout.annotations[0].text
    collapse = plot_collapse((), alpha=0.5, metric="m", batch_axis="batch_size")
    assert "No batch size" in collapse.layout.annotations[0].text


def test_widths_are_drawn_with_tinker_s_rule() -> None:
    sweeps = make_sweep(ranks=(4, 8, 16), batches=(8,), seeds=1)
    models = {4: "Qwen/Qwen3-0.6B", 8: "Qwen/Qwen3-1.7B", 16: "Qwen/Qwen3-8B"}
    results = sweeps.assign(model=sweeps["lora_rank"].map(models), lora_rank=8)
    names = [trace.name for trace in plot_lr_scaling(compute_lr_scaling(results, metric="m")).data]
    assert "Tinker's rule, qwen" in names
    assert "qwen" in names
    against_rank = compute_lr_scaling(sweeps, metric="m", against="lora_rank")
    assert plot_lr_scaling(against_rank).layout.xaxis.title.text == "lora_rank, log scale"
