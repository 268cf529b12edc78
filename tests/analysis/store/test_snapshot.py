import math
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.store import EvalRow, MetricRow, RunRow, Store
from analysis.store.schema import ANNOTATED, EVALS, RUNS
from tests import synthetic

NAN, INF = math.nan, math.inf


def run(run_id: str, **columns: object) -> RunRow:
    return {"run_id": run_id, "status": "running", **columns}


def curve(run_id: str, values: list[float], *, attempt: int = 1, name: str = "loss") -> list[MetricRow]:
    return [MetricRow(run_id, attempt, step, 10 * step, float(step), name, value) for step, value in enumerate(values)]


def rows_by_run(frame: pd.DataFrame) -> dict[str, dict[Hashable, Any]]:
    return {str(row.pop("run_id")): row for row in frame.to_dict("records")}


def test_an_empty_store_answers_with_the_columns_and_dtypes_of_a_full_one(store: Store, sweep_store: Store) -> None:
    ids = [synthetic.sweep_runs()[0].run_id]
    empty, full = store.snapshot(), sweep_store.snapshot()
    pairs = [
        (empty.runs(), full.runs()),
        (empty.results("eval_loss"), full.results("eval_loss")),
        (empty.curves(ids, "eval_loss"), full.curves(ids, "eval_loss")),
        (empty.latest(), full.latest()),
        (empty.evals(), full.evals()),
    ]
    for nothing, something in pairs:
        assert nothing.empty
        assert not something.empty
        pd.testing.assert_series_equal(nothing.dtypes, something.dtypes)
    assert empty.metric_names() == empty.config_keys() == []


def test_runs_have_every_column_with_its_dtype(sweep_store: Store) -> None:
    dtypes = {"string": "str", "int64": "Int64", "float64": "float64", "timestamp": "datetime64[us, UTC]"}
    dtypes["bool"] = "boolean"
    runs = sweep_store.snapshot().runs()
    assert list(runs.columns) == [column.name for column in (*RUNS, *ANNOTATED)]
    for column in (*RUNS, *ANNOTATED):
        assert str(runs[column.name].dtype) == dtypes.get(column.type, "object"), column.name
    assert list(sweep_store.snapshot().evals().columns) == [column.name for column in EVALS]


def test_runs_are_sorted_by_creation_then_id(sweep_store: Store) -> None:
    runs = sweep_store.snapshot().runs()
    assert len(runs) == 18
    pd.testing.assert_frame_equal(runs, runs.sort_values(["created_at", "run_id"], ignore_index=True))


def test_a_whole_row_comes_back_as_it_was_written(store: Store) -> None:
    moment = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    values = {
        "string": 'it\'s "x"\n',
        "float64": 0.1,
        "int64": 2**62 + 1,
        "timestamp": moment,
        "list<string>": ["a", ""],
    }
    special = {"run_id": "r", "status": "finished", "sweep_id": "s", "parent_run_id": "p", "config_json": '{"a":1}',
               "provenance_json": "{}"}  # fmt: skip
    row = {column.name: values[column.type] for column in RUNS} | special
    store.append(runs=[row])
    back = store.snapshot().run_rows(["r", "unknown"])
    assert back == {"r": row}
    framed = store.snapshot().runs().iloc[0].to_dict()
    assert framed == row | {"tags": ("a", ""), "target_modules": ("a", ""), "starred": False, "n_notes": 0}


def test_the_newest_seq_of_a_run_wins_whatever_the_order_of_writing(store: Store) -> None:
    early = datetime(2026, 1, 1, tzinfo=UTC)
    store.append(runs=[run("r", seq=2, status="finished", created_at=early + timedelta(hours=1))])
    store.append(runs=[run("r", seq=1, name="older", created_at=early), run("q", seq=9)])
    runs = store.snapshot().runs().set_index("run_id")
    assert runs.loc["r", "status"] == "finished"
    assert runs["name"].isna()["r"]
    assert runs.loc["r", "created_at"] == early


def test_results_are_the_last_values_one_row_per_run(sweep_store: Store) -> None:
    results = rows_by_run(sweep_store.snapshot().results("eval_loss"))
    for expected in synthetic.sweep_runs():
        row = results[expected.run_id]
        assert row["value_step"] == synthetic.N_STEPS - 1
        assert row["n_logged"] == 3
        if expected.status == "diverged":
            assert math.isnan(row["value"])
            assert row["n_nonfinite"] == 1
        else:
            assert row["value"] == expected.final_loss
            assert row["n_nonfinite"] == 0
    running, failed = (results[other.run_id] for other in synthetic.other_runs())
    assert (running["value_step"], running["n_logged"]) == (3, 2)
    assert (failed["n_logged"], pd.isna(failed["value_step"]), math.isnan(failed["value"])) == (0, True, True)


def test_infinities_and_nan_are_results_as_logged(store: Store) -> None:
    store.append(
        runs=[run("a"), run("b"), run("c")], metrics=[*curve("a", [1, INF]), *curve("b", [-INF]), *curve("c", [NAN])]
    )
    results = store.snapshot().results("loss").set_index("run_id")
    assert results["value"].to_dict() == pytest.approx({"a": INF, "b": -INF, "c": NAN}, nan_ok=True)
    assert list(results["n_nonfinite"]) == [1, 1, 1]


def test_results_are_those_of_the_attempt_that_the_run_names(store: Store) -> None:
    store.append(
        runs=[run("r", attempt=2, seq=2), run("r", attempt=1, seq=1), run("unsaid"), run("fresh", attempt=2)],
        metrics=[*curve("r", [9, 8, 7]), *curve("r", [5, 4], attempt=2), *curve("r", [1], attempt=3),
                 *curve("unsaid", [9]), *curve("unsaid", [3], attempt=2), *curve("fresh", [1])],
    )  # fmt: skip
    results = rows_by_run(store.snapshot().results("loss"))
    assert [results["r"][key] for key in ("value", "value_step", "n_logged")] == [4.0, 1, 2]
    assert results["unsaid"]["value"] == 3.0
    assert results["fresh"]["n_logged"] == 0
    curves = store.snapshot().curves(["r", "unsaid", "fresh"], "loss")
    assert list(zip(curves["run_id"], curves["value"], strict=True)) == [("r", 5.0), ("r", 4.0), ("unsaid", 3.0)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_metric_logged_twice_for_a_step_shows_the_later_value(store: Store, order: int) -> None:
    rows = [MetricRow("r", 1, 0, None, 1.0, "loss", 5.0), MetricRow("r", 1, 0, None, 2.0, "loss", 4.0)]
    store.append(runs=[run("r")], metrics=rows[::order])
    assert list(store.snapshot().curves(["r"], "loss")["value"]) == [4.0]
    assert list(store.snapshot().results("loss")["value"]) == [4.0]


def test_metric_names_keep_their_case(store: Store) -> None:
    store.append(metrics=[*curve("r", [1], name="loss"), *curve("r", [2], name="Loss")])
    assert store.snapshot().metric_names() == ["Loss", "loss"]


def test_latest_shows_how_far_each_run_is(sweep_store: Store) -> None:
    latest = rows_by_run(sweep_store.snapshot().latest())
    running, failed = synthetic.other_runs()
    row = latest[running.run_id]
    assert (row["last_step"], row["tokens_seen"], row["wall_time"]) == (3, 1600, 1.5)
    assert row["lr_now"] == pytest.approx(running.learning_rate * 0.7)
    assert row["eval_loss"] == row["train_loss"]
    assert all(pd.isna(value) for value in latest[failed.run_id].values())


def test_evals_are_those_of_the_newest_attempt(store: Store) -> None:
    scores = [EvalRow("r", attempt, 10, "arc", "acc", attempt / 10, higher_is_better=True) for attempt in (1, 2)]
    store.append(runs=[run("r", attempt=2)], evals=scores)
    evals = store.snapshot().evals()
    assert list(evals["score"]) == [0.2]
    assert list(evals["higher_is_better"]) == [True]


@st.composite
def spiky_curves(draw: st.DrawFn) -> list[float]:
    """A smooth curve with a few spikes down and up, gaps and infinities at any place, the ends included."""
    n = draw(st.integers(1, 300))
    values = [1.0 + 1.0 / (1 + step) for step in range(n)]
    odd = st.sampled_from([-50.0, 50.0, NAN, INF, -INF])
    for place, value in draw(st.dictionaries(st.integers(0, n - 1), odd, max_size=6)).items():
        values[place] = value
    return values


@settings(max_examples=40)
@given(values=spiky_curves(), max_points=st.integers(5, 40))
@example(values=[1.0] * 20 + [NAN] * 80, max_points=20)
def test_a_decimated_curve_keeps_ends_spikes_and_gaps(values: list[float], max_points: int, curve_store: Store) -> None:
    run_id = f"r-{curve_store.next_seq()}"
    curve_store.append(metrics=curve(run_id, values))
    found = curve_store.snapshot().curves([run_id], "loss", max_points=max_points)
    logged, kept = np.array(values), found["value"].to_numpy()
    assert len(found) == len(values) if len(values) <= max_points else len(found) <= max_points
    assert list(found["step"]) == sorted(set(found["step"]))
    assert (found["step"].iloc[0], found["step"].iloc[-1]) == (0, len(values) - 1)
    np.testing.assert_array_equal(kept, logged[found["step"]])
    n_stretches = (max_points - 2) // 3
    for stretch in range(n_stretches):
        steps = [step for step in range(len(values)) if step * n_stretches // len(values) == stretch]
        assert _extent(logged[steps]) == _extent(kept[np.isin(found["step"], steps)])


def _extent(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float | None, float | None, bool]:
    """Lowest and highest finite value, and whether there is a gap."""
    finite = values[np.isfinite(values)]
    lowest, highest = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return lowest, highest, finite.size < values.size


@pytest.fixture(scope="module")
def curve_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("curves") / "store", create=True)


def test_curves_are_decimated_run_by_run(store: Store) -> None:
    store.append(metrics=[*curve("long", [0.0] * 500), *curve("short", [1.0] * 20), *curve("other", [1.0])])
    found = store.snapshot().curves(["short", "long", "unknown"], "loss", max_points=50)
    counts = found["run_id"].value_counts()
    assert counts["short"] == 20
    assert 15 <= counts["long"] <= 50
    assert set(found["run_id"]) == {"long", "short"}


def test_too_few_points_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="at least 5, got 4"):
        store.snapshot().curves(["r"], "loss", max_points=4)


def test_threads_may_share_a_snapshot(sweep_store: Store) -> None:
    snapshot = sweep_store.snapshot()
    expected = snapshot.results("eval_loss")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: sweep_store.snapshot().results("eval_loss"), range(12)):
            pd.testing.assert_frame_equal(found, expected)
