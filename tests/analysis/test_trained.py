"""A base model's own run, there for its scores, is no run that failed to train."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from analysis.health.check import check_health, read_frames
from analysis.runs.trained import trained_runs
from analysis.search.progress import compute_search_progress
from analysis.store import EvalRow, Store
from tests import synthetic

BASE = {"run_id": "base-0", "status": "finished", "attempt": 1, "adapter": "none", "name": "base model"}


def with_base_model(store: Store) -> Store:
    synthetic.fill(store)
    store.append(runs=[BASE], evals=[EvalRow("base-0", 1, 0, "sums", "acc", 0.5)])
    return store


def test_a_base_model_changes_nothing_that_is_said_of_the_runs(store: Store, sweep_store: Store) -> None:
    found = []
    for each in (sweep_store, with_base_model(store)):
        frames = read_frames(each, each.snapshot(), "eval_loss")
        health = check_health(frames, metric="eval_loss", direction="min", now=datetime.now(UTC))
        search = compute_search_progress(frames.results, metric="eval_loss")
        kinds = [(finding.kind, finding.severity) for finding in health.findings]
        found.append((health.n_runs, health.n_used, len(health.excluded), kinds, search.warnings))
    assert found[0] == found[1]


def test_runs_without_an_adapter_that_were_trained_stay() -> None:
    runs = pd.DataFrame(
        {
            "run_id": ["full", "steps", "base", "unknown"],
            "adapter": ["none", "none", "none", None],
            "learning_rate": [1e-5, None, None, None],
            "max_steps": [None, 10, None, None],
        }
    )
    assert trained_runs(runs)["run_id"].tolist() == ["full", "steps", "unknown"]
    assert trained_runs(runs).index.tolist() == [0, 1, 2]
    assert len(trained_runs(runs.drop(columns="adapter"))) == 4
