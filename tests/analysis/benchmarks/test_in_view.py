"""A filter takes runs away, never the base model that they are measured against."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.benchmarks.in_view import read_in_view
from analysis.runs.filters import parse_conditions
from analysis.store import EvalRow, MetricRow, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path, create=True)
    rows: list[dict[str, object]] = [
        {"run_id": "a", "sweep_id": "one", "model": "m", "adapter": "lora", "learning_rate": 1e-4},
        {"run_id": "b", "sweep_id": "two", "model": "other", "adapter": "lora", "learning_rate": 1e-4},
        {"run_id": "base-000000000001", "model": "m", "adapter": "none"},
        {"run_id": "base-000000000002", "model": "other", "adapter": "none"},
        {"run_id": "base-not", "model": "m", "adapter": "lora"},
    ]
    store.append(
        runs=[{"source": "ucurve", "status": "finished", "attempt": 1, **row} for row in rows],
        metrics=[MetricRow("a", 1, 0, None, None, "eval_loss", 2.0)],
        evals=[EvalRow(str(row["run_id"]), 1, 0, "b", "acc", 0.5) for row in rows],
    )
    return store


@pytest.mark.parametrize("metric", ["eval_loss", None])
def test_the_base_model_of_what_fits_stays(store: Store, metric: str | None) -> None:
    scores, runs = read_in_view(store.snapshot(), metric, parse_conditions(["sweep_id=one"]))
    assert sorted(runs["run_id"]) == ["a", "base-000000000001"]
    assert sorted(scores["run_id"]) == ["a", "base-000000000001"]


def test_without_conditions_everything_is_in_view(store: Store) -> None:
    scores, runs = read_in_view(store.snapshot(), "eval_loss", ())
    assert len(runs) == len(scores) == 5


def test_nothing_that_fits_leaves_nothing(store: Store) -> None:
    scores, runs = read_in_view(store.snapshot(), None, parse_conditions(["sweep_id=none"]))
    assert runs.empty
    assert scores.empty
