from __future__ import annotations

import pandas as pd
import pytest

from analysis.errors import FilterError
from analysis.figures.loss_curves import plot_loss_curves
from analysis.runs.lineage import Descent, place_forks, trace_descent
from analysis.runs.side_by_side import compare_runs


def _runs(**parents: tuple[str, int] | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": list(parents),
            "parent_run_id": [link[0] if link else None for link in parents.values()],
            "fork_step": pd.array([link[1] if link else pd.NA for link in parents.values()], dtype="Int64"),
        }
    )


def _curve(run_id: str, steps: list[int], first: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": run_id,
            "step": steps,
            "tokens_seen": [10 * step for step in steps],
            "wall_time": [0.5 * step for step in steps],
            "value": [first - 0.01 * step for step in steps],
        }
    )


FAMILY = _runs(root=None, child=("root", 4), grandchild=("child", 2), lone=None, orphan=("gone", 3))


def test_forks_stand_under_their_parents_and_parents_nobody_chose_end_at_the_fork() -> None:
    assert trace_descent(FAMILY, ["lone", "grandchild", "orphan"]) == [
        Descent("lone", 0, 0, 0),
        Descent("root", 1, 0, 0, until=4),
        Descent("child", 1, 1, 1, until=2),
        Descent("grandchild", 1, 2, 2),
        Descent("orphan", 2, 0, 0),
    ]
    assert [item.until for item in trace_descent(FAMILY, ["root", "child"])] == [None, None]


def test_a_circle_of_parents_is_no_endless_story() -> None:
    circle = _runs(a=("b", 1), b=("a", 1))
    assert {item.run_id for item in trace_descent(circle, ["a", "b"])} == {"a", "b"}


def test_a_fork_starts_where_it_left_its_parent() -> None:
    curves = pd.concat([_curve("root", [0, 2, 4, 6]), _curve("child", [0, 1, 2]), _curve("grandchild", [0, 1])])
    placed = place_forks(curves, trace_descent(FAMILY, ["grandchild"]), FAMILY)
    steps = {str(key): list(points["step"]) for key, points in placed.groupby("run_id")}
    assert steps == {"root": [0, 2, 4], "child": [4, 5, 6], "grandchild": [6, 7]}
    tokens = {str(key): list(points["tokens_seen"]) for key, points in placed.groupby("run_id")}
    assert tokens["child"] == [40, 50, 60]
    assert tokens["grandchild"] == [60, 70]


def test_a_fork_that_counts_on_stays_where_it_is() -> None:
    curves = pd.concat([_curve("root", [0, 2, 4, 6]), _curve("child", [4, 5])])
    placed = place_forks(curves, trace_descent(FAMILY, ["root", "child"]), FAMILY)
    assert list(placed.loc[placed["run_id"] == "child", "step"]) == [4, 5]
    assert place_forks(curves.iloc[:0], trace_descent(FAMILY, ["root"]), FAMILY).empty


def test_a_family_shares_a_colour_and_differs_in_the_dash() -> None:
    curves = pd.concat([_curve("root", [0, 4]), _curve("child", [4, 5]), _curve("lone", [0, 1], first=-0.5)])
    figure = plot_loss_curves(
        curves, FAMILY, metric="m", log_y=True, descents=trace_descent(FAMILY, ["root", "child", "lone"])
    )
    root, child, lone = figure.data
    assert [trace.name for trace in figure.data] == ["root", "↳ child", "lone"]
    assert root.line.color == child.line.color != lone.line.color
    assert root.line.dash != child.line.dash
    assert figure.layout.yaxis.type == "log"
    assert list(lone.y) == [None, None]  # a logarithmic axis has no place for them


def _results() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["a", "b", "c"], "name": ["first", None, "third"], "status": "finished",
            "parent_run_id": [None, "a", None], "fork_step": pd.array([pd.NA, 3, pd.NA], dtype="Int64"),
            "learning_rate": [1e-4, 2e-4, 1e-4], "value": [0.5, 0.7, float("nan")],
            "value_step": pd.array([9, 9, pd.NA], dtype="Int64"),
        }
    )  # fmt: skip


def test_last_values_are_set_against_the_reference() -> None:
    found = compare_runs(_results(), metric="acc", direction="max", run_ids=["b", "a", "c", "b"], reference="a")
    assert [run.run_id for run in found.runs] == ["b", "a", "c"]
    assert found.runs[0].difference == pytest.approx(0.2)
    assert (found.runs[0].is_better, found.runs[1].is_better, found.runs[2].is_better) == (True, None, None)
    assert (found.runs[0].name, found.runs[0].parent_run_id, found.runs[0].fork_step) == ("b", "a", 3)
    assert (found.runs[2].value, found.runs[2].difference, found.runs[2].value_step) == (None, None, None)
    assert found.differing == (("learning_rate", (2e-4, 1e-4, 1e-4)),)


def test_runs_that_are_not_there_are_named() -> None:
    with pytest.raises(FilterError, match="no run 'x'; there are: a, b, c"):
        compare_runs(_results(), metric="m", run_ids=["x"])
    with pytest.raises(FilterError, match="'c' is not among those compared: a, b"):
        compare_runs(_results(), metric="m", run_ids=["a", "b"], reference="c")
