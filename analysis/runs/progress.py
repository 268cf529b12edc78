"""How far sweeps and runs have come: what is done, what still runs, and when it will be done."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from analysis.runs.configuration import COMPARABLE
from analysis.runs.direction import Direction
from analysis.runs.values import settled_statuses

NO_SWEEP: Final = "(no sweep)"
"""Stands for runs that belong to none, such as imported ones."""

_COUNTED: Final = ("finished", "running", "queued", "diverged")


def count_statuses(runs: pd.DataFrame) -> dict[str, int]:
    """Number of runs per status, the most frequent first.

    Needs columns: status; one row per run.
    """
    return {str(status): int(n) for status, n in runs["status"].value_counts().items()}


def summarise_sweeps(results: pd.DataFrame, *, direction: Direction = "min") -> pd.DataFrame:
    """One row per sweep, the one that changed last first.

    Needs columns: those of the runs table and `value`, the last value of a metric; one row per run.

    Returns:
        Columns sweep_id, model, dataset, n_runs, n_finished, n_running, n_queued, n_diverged, n_other, done (share of
        runs that will not change any more), best_value and best_learning_rate (of single finished runs; missing where
        the sweep's runs do not compare), started_at, updated_at.
    """
    named = results.assign(sweep_id=results["sweep_id"].fillna(NO_SWEEP))
    rows = [_summarise(str(name), runs, direction) for name, runs in named.groupby("sweep_id", sort=False)]
    columns = list(_summarise("", named.iloc[:0], direction))
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("updated_at", ascending=False, kind="stable", ignore_index=True)


def track_progress(runs: pd.DataFrame, latest: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """One row per running run, the furthest first.

    Needs columns: those of the runs table, and of `Snapshot.latest`; one row per run in both.

    Returns:
        Columns run_id, name, sweep_id, learning_rate, batch_size, lora_rank, step, n_steps, done (share of the budget),
        train_loss, eval_loss, lr_now, tokens_per_s, eta_s (seconds until the budget is used up, at the mean speed so
        far), silent_s (seconds since the last value, at least: a trainer that died does not say so). Unknown: missing.
    """
    logged = ["run_id", "last_step", "tokens_seen", "wall_time", "train_loss", "lr_now", "eval_loss"]
    running = (
        runs[runs["status"] == "running"].drop(columns="tokens_seen").merge(latest[logged], on="run_id", how="left")
    )
    numbers = {name: _floats(running[name]) for name in (*logged[1:4], "max_steps", "token_budget")}
    by_step = numbers["last_step"] / numbers["max_steps"]
    done = np.clip(np.where(np.isfinite(by_step), by_step, numbers["tokens_seen"] / numbers["token_budget"]), 0, 1)
    wall_s = numbers["wall_time"]
    # The row that says "running" was written at the start: its time plus the run's own clock is the last value's time.
    said_at = (now - running["updated_at"]).dt.total_seconds().to_numpy(dtype=float) - np.nan_to_num(wall_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta_s = np.where(done > 0, wall_s * (1 - done) / done, np.nan)
        speed = np.where(wall_s > 0, numbers["tokens_seen"] / wall_s, np.nan)
    table = running[["run_id", "name", "sweep_id", "learning_rate", "batch_size", "lora_rank"]].assign(
        step=running["last_step"],
        n_steps=running["max_steps"],
        done=done,
        train_loss=running["train_loss"],
        eval_loss=running["eval_loss"],
        lr_now=running["lr_now"],
        tokens_per_s=speed,
        eta_s=eta_s,
        silent_s=np.maximum(said_at, 0.0),
    )
    return table.sort_values("done", ascending=False, kind="stable", ignore_index=True)


def _summarise(name: str, runs: pd.DataFrame, direction: Direction) -> dict[str, object]:
    counts = count_statuses(runs)
    n_known = {f"n_{status}": counts.get(status, 0) for status in _COUNTED}
    n_open = sum(counts.get(status, 0) for status in ("running", "queued", "unconfirmed"))
    best_value, best_learning_rate = _best(runs, direction)
    return {
        "sweep_id": name,
        "model": _only(runs["model"]),
        "dataset": _only(runs["dataset"]),
        "n_runs": len(runs),
        **n_known,
        "n_other": len(runs) - sum(n_known.values()),
        "done": 1 - n_open / len(runs) if len(runs) else np.nan,
        "best_value": best_value,
        "best_learning_rate": best_learning_rate,
        "started_at": runs["created_at"].min(),
        "updated_at": runs["updated_at"].max(),
    }


def _best(runs: pd.DataFrame, direction: Direction) -> tuple[float, float]:
    """Value and learning rate of the finished run with the best finite value; missing where runs do not compare."""
    finished = runs[
        (settled_statuses(runs) == "finished") & np.isfinite(_floats(runs["value"])) & runs["learning_rate"].notna()
    ]
    # With a token budget the number of steps follows from the batch size: not a budget of its own.
    has_token_budget = finished["token_budget"].notna()
    own = finished.assign(**{key: finished[key].mask(has_token_budget) for key in ("max_steps", "epochs")})
    if finished.empty or len(own[list(COMPARABLE)].drop_duplicates()) > 1:
        return np.nan, np.nan
    best = finished["value"].idxmin() if direction == "min" else finished["value"].idxmax()
    return float(finished["value"][best]), float(finished["learning_rate"][best])


def _only(values: pd.Series) -> str | None:
    """The one value that all rows share, `n different` where they do not, None where there is none."""
    different = values.dropna().unique()
    return f"{len(different)} different" if len(different) > 1 else str(different[0]) if len(different) else None


def _floats(values: pd.Series) -> np.ndarray:
    return values.to_numpy(dtype=float, na_value=np.nan)
