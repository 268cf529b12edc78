"""How far sweeps and runs have come: what is done, what still runs, and when it will be done."""

from __future__ import annotations

from collections.abc import Callable
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
    named = results.assign(sweep_id=results["sweep_id"].fillna(NO_SWEEP).astype(str))
    sweeps = named.groupby("sweep_id", sort=False)
    n_runs = sweeps.size()
    n_with = _count(named, n_runs.index)
    n_open = sum(n_with(status) for status in ("running", "queued", "unconfirmed"))
    best = _best_runs(named, direction).reindex(n_runs.index)
    table = pd.DataFrame(
        {
            "sweep_id": n_runs.index.astype(str),
            "model": _only(named, "model"),
            "dataset": _only(named, "dataset"),
            "n_runs": n_runs,
            **{f"n_{status}": n_with(status) for status in _COUNTED},
            "n_other": n_runs - sum(n_with(status) for status in _COUNTED),
            "done": 1 - n_open / n_runs,
            "best_value": best["value"],
            "best_learning_rate": best["learning_rate"],
            "started_at": sweeps["created_at"].min(),
            "updated_at": sweeps["updated_at"].max(),
        }
    )
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


def _count(named: pd.DataFrame, sweep_ids: pd.Index) -> Callable[[str], pd.Series]:
    """How many runs of each sweep have a status."""
    counts = named.groupby(["sweep_id", "status"]).size()
    statuses = set(counts.index.get_level_values("status"))

    def n_with(status: str) -> pd.Series:
        found = counts.xs(status, level="status") if status in statuses else pd.Series(dtype="int64")
        return found.reindex(sweep_ids, fill_value=0).astype("int64")

    return n_with


def _best_runs(named: pd.DataFrame, direction: Direction) -> pd.DataFrame:
    """Value and learning rate of each sweep's best finished run; none where a sweep's finished runs do not compare."""
    finished = named[
        (settled_statuses(named) == "finished") & np.isfinite(_floats(named["value"])) & named["learning_rate"].notna()
    ]
    # With a token budget the number of steps follows from the batch size: not a budget of its own.
    has_token_budget = finished["token_budget"].notna()
    own = finished.assign(**{key: finished[key].mask(has_token_budget) for key in ("max_steps", "epochs")})
    kinds = own[["sweep_id", *COMPARABLE]].drop_duplicates().groupby("sweep_id").size()
    compared = finished[finished["sweep_id"].isin(kinds.index[kinds == 1])]
    values = compared.assign(value=_floats(compared["value"])).groupby("sweep_id")["value"]
    best = compared.loc[values.idxmin() if direction == "min" else values.idxmax()].set_index("sweep_id")
    table: pd.DataFrame = best[["value", "learning_rate"]].astype(float)
    return table


def _only(named: pd.DataFrame, column: str) -> pd.Series:
    """Of each sweep the one value that all its runs share, `n different` where they do not, missing without any."""
    values = named.groupby("sweep_id", sort=False)[column]
    n_values = values.nunique()
    only = values.first().mask(n_values > 1, n_values.astype(str) + " different")
    return only.astype(object).where(n_values > 0, None)


def _floats(values: pd.Series) -> np.ndarray:
    return values.to_numpy(dtype=float, na_value=np.nan)
