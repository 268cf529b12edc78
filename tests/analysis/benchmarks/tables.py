"""Evals and runs tables made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from tests.shared_data import table_path

Cell = Mapping[str, object]


def make_evals(cells: Sequence[Cell]) -> pd.DataFrame:
    """One row per cell; what a cell leaves out is a plain right-or-wrong benchmark of 1,000 items."""
    usual = {
        "run_id": "r0", "attempt": 1, "step": 100, "benchmark": "arc", "metric": "acc", "score": 0.5, "stderr": None,
        "n_items": 1000, "chance_level": 0.25, "higher_is_better": True, "harness": None, "harness_version": None,
        "items_digest": None,
    }  # fmt: skip
    table = pd.DataFrame([{**usual, **cell} for cell in cells], columns=list(usual))
    return table.astype({"score": float, "stderr": float, "n_items": "Int64", "chance_level": float})


def evals_of(scores: np.ndarray, **common: object) -> pd.DataFrame:
    """Scores of shape (n_runs, n_benchmarks), NaN where nothing was measured."""
    n_runs, n_benchmarks = scores.shape
    return make_evals(
        [
            {"run_id": f"r{row:03d}", "benchmark": f"b{at:02d}", "score": scores[row, at], **common}
            for row in range(n_runs)
            for at in range(n_benchmarks)
            if not np.isnan(scores[row, at])
        ]
    )


def make_runs(run_ids: Sequence[str], **columns: Iterable[object]) -> pd.DataFrame:
    """One finished run per id, with further columns of the runs table (or `value`)."""
    return pd.DataFrame({"run_id": list(run_ids), "status": "finished", "name": None, "config_json": None, **columns})


def runs_of(scores: np.ndarray, **columns: Iterable[object]) -> pd.DataFrame:
    """The runs of `evals_of`."""
    return make_runs([f"r{row:03d}" for row in range(len(scores))], **columns)


@cache
def openlm() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evals and results of the 104 pre-training runs on 46 tasks; the value is the loss on held-out C4."""
    models = pd.read_csv(table_path("openlm-scaling/models.csv"))
    tasks = pd.read_csv(table_path("openlm-scaling/tasks.csv")).set_index("task")
    scores = pd.read_csv(table_path("openlm-scaling/evals.csv")).set_index("run").loc[models["run"]]
    run_ids = [f"r{row:03d}" for row in range(len(models))]
    cells = [
        {
            "run_id": run_ids[row],
            "benchmark": task,
            "score": scores.iloc[row, at],
            "n_items": int(tasks["n"][task]),
            "chance_level": float(tasks["random_baseline_pct"][task]) / 100,
        }
        for row in range(len(models))
        for at, task in enumerate(scores.columns)
    ]
    runs = make_runs(
        run_ids,
        name=models["run"],
        dataset=models["dataset"],
        model=models["model"],
        token_budget=models["tokens"],
        learning_rate=models["lr"],
        value=models["loss_c4_val"],
        config_json=[json.dumps({"params": int(params)}) for params in models["params"]],
    )
    return make_evals(cells), runs
