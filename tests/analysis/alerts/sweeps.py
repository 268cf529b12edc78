"""Results of made-up sweeps with a known optimum."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

OPTIMUM = 4e-4
_START = datetime(2026, 1, 1, tzinfo=UTC)


def u_curve(
    learning_rate: float,
    *,
    seed: int = 0,
    batch_size: int = 8,
    model: str = "m",
    status: str = "finished",
    worse: float = 0.0,
    curvature: float = 0.06,
) -> dict[str, object]:
    """One run of a parabola in ln(learning rate), with noise that seed and rate fix."""
    noise = float(np.random.default_rng([seed, batch_size, round(1e7 * learning_rate)]).normal(scale=0.004))
    loss = 2.0 + worse + curvature * math.log(learning_rate / OPTIMUM) ** 2 + noise
    return {
        "learning_rate": learning_rate,
        "seed": seed,
        "batch_size": batch_size,
        "model": model,
        "status": status,
        "value": loss if status == "finished" else math.nan,
        "trial_key": f"{model}-{batch_size}-{learning_rate:g}",
    }


def table(*runs: dict[str, object]) -> pd.DataFrame:
    """Runs as `Snapshot.results` gives them, as far as analyses need."""
    common = {"status_reason": None, "sweep_id": "demo", "dataset": "d", "source": "local", "config_json": "{}"}
    rows = [
        {"run_id": f"r{number}", **common, **run, "updated_at": _START + timedelta(seconds=number)}
        for number, run in enumerate(runs)
    ]
    return pd.DataFrame(rows)
