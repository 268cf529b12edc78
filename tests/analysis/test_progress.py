from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.runs.progress import NO_SWEEP, count_statuses, summarise_sweeps, track_progress
from analysis.store import MetricRow, RunRow, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(run_id: str, status: str = "finished", **columns: object) -> RunRow:
    common = {
        "sweep_id": "s1",
        "model": "m",
        "learning_rate": 1e-4,
        "max_steps": 20,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return {"run_id": run_id, "status": status, **common, **columns}


def value(run_id: str, name: str, number: float, step: int = 20, wall_time: float = 40.0) -> MetricRow:
    return MetricRow(run_id, 1, step, step * 100, wall_time, name, number)


def test_a_sweep_is_summed_up_with_its_best_finished_run(store: Store) -> None:
    store.append(
        runs=[
            row("a", learning_rate=1e-4),
            row("b", learning_rate=2e-4),
            row("c", "running"),
            row("d", "diverged", learning_rate=1e-2),
            row("e", "failed"),
            row("f", "queued"),
            row("g", sweep_id=None, updated_at=NOW - timedelta(days=1)),
        ],
        metrics=[
            value("a", "eval_loss", 2.5),
            value("b", "eval_loss", 2.25),
            value("c", "eval_loss", 1.0),
            value("d", "eval_loss", float("nan")),
            value("e", "eval_loss", 0.5),
        ],
    )

    sweeps = summarise_sweeps(store.snapshot().results("eval_loss"))

    assert list(sweeps["sweep_id"]) == ["s1", NO_SWEEP]
    first = sweeps.iloc[0]
    counts = ["n_runs", "n_finished", "n_running", "n_queued", "n_diverged", "n_other"]
    assert list(first[counts]) == [6, 2, 1, 1, 1, 1]
    assert first["done"] == pytest.approx(4 / 6)
    assert (first["best_value"], first["best_learning_rate"]) == (2.25, 2e-4)
    assert (first["model"], first["dataset"]) == ("m", None)
    assert np.isnan(sweeps["best_value"][1])


@pytest.mark.parametrize("differs", [{"model": "other"}, {"eval_set_id": "other"}, {"token_budget": 5}])
def test_losses_that_do_not_compare_have_no_best(store: Store, differs: dict[str, object]) -> None:
    store.append(
        runs=[row("a"), {**row("b"), **differs}], metrics=[value("a", "eval_loss", 2.0), value("b", "eval_loss", 1.0)]
    )

    sweeps = summarise_sweeps(store.snapshot().results("eval_loss"))

    assert np.isnan(sweeps["best_value"][0])


def test_steps_that_follow_from_a_token_budget_do_not_keep_runs_apart(store: Store) -> None:
    store.append(
        runs=[row("a", token_budget=9, max_steps=3), row("b", token_budget=9, max_steps=6)],
        metrics=[value("a", "eval_loss", 2.0), value("b", "eval_loss", 1.0)],
    )

    assert summarise_sweeps(store.snapshot().results("eval_loss"))["best_value"][0] == 1.0


def test_nothing_gives_an_empty_table_with_all_columns(store: Store) -> None:
    snapshot = store.snapshot()

    sweeps = summarise_sweeps(snapshot.results("eval_loss"))
    progress = track_progress(snapshot.runs(), snapshot.latest(), NOW)

    assert sweeps.empty
    assert {"sweep_id", "n_runs", "best_value", "updated_at"} <= set(sweeps.columns)
    assert progress.empty
    assert {"run_id", "done", "eta_s", "silent_s"} <= set(progress.columns)
    assert count_statuses(snapshot.runs()) == {}


def progress_of(store: Store, at: datetime) -> pd.Series:
    snapshot = store.snapshot()
    progress = track_progress(snapshot.runs(), snapshot.latest(), at)
    assert len(progress) == 1
    return progress.iloc[0]


def test_progress_extrapolates_the_mean_speed(store: Store) -> None:
    store.append(
        runs=[row("a", "running"), row("b")],
        metrics=[value("a", "train_loss", 3.0, step=5, wall_time=10.0), value("b", "train_loss", 1.0)],
    )

    run = progress_of(store, NOW + timedelta(seconds=12))

    assert (run["run_id"], run["step"], run["n_steps"], run["train_loss"]) == ("a", 5, 20, 3.0)
    assert run["done"] == pytest.approx(0.25)
    assert run["eta_s"] == pytest.approx(30.0)
    assert run["tokens_per_s"] == pytest.approx(50.0)
    assert run["silent_s"] == pytest.approx(2.0)


def test_a_token_budget_stands_in_for_steps(store: Store) -> None:
    store.append(
        runs=[row("a", "running", max_steps=None, token_budget=1000)],
        metrics=[value("a", "train_loss", 3.0, step=5, wall_time=10.0)],
    )

    assert progress_of(store, NOW)["done"] == pytest.approx(0.5)


def test_a_run_that_has_just_started_promises_nothing(store: Store) -> None:
    store.append(runs=[row("a", "running")])

    run = progress_of(store, NOW + timedelta(seconds=300))

    assert pd.isna(run["step"])
    assert np.isnan(run["eta_s"])
    assert np.isnan(run["tokens_per_s"])
    assert run["silent_s"] == pytest.approx(300.0)


def test_the_furthest_run_comes_first_and_silence_is_never_negative(store: Store) -> None:
    store.append(
        runs=[row("a", "running"), row("b", "running"), row("c", "running")],
        metrics=[
            value("a", "train_loss", 3.0, step=5, wall_time=10.0),
            value("b", "train_loss", 3.0, step=15, wall_time=30.0),
        ],
    )
    snapshot = store.snapshot()

    progress = track_progress(snapshot.runs(), snapshot.latest(), NOW)

    assert list(progress["run_id"]) == ["b", "a", "c"]
    assert (progress["silent_s"] >= 0).all()
