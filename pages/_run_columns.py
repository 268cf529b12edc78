"""Which settings tell runs apart: those become columns and groups, what all runs share is said once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.runs.configuration import DERIVED, HYPERPARAMETERS, GroupValue, read_configurations

FIRST: Final = ("source",)
"""Beside the status, where runs differ in it."""
ALWAYS: Final = ("learning_rate", "batch_size", "lora_rank", "seed")
MEASURED: Final = ("tokens_seen", "wall_s", "peak_memory_bytes")


def groupable_keys(runs: pd.DataFrame) -> list[str]:
    """Configuration keys that vary between runs and can make curves of their own, the usual hyperparameters first."""
    columns = read_configurations(runs)
    never = {"learning_rate", "seed", *DERIVED}
    varying = [key for key, values in columns.items() if key not in never and len({*values} - {None}) > 1]
    return sorted(varying, key=lambda key: (key not in HYPERPARAMETERS, varying.index(key)))


@dataclass(frozen=True)
class RunTable:
    """The table of runs.

    Attributes:
        rows: One row per run, the newest first; only columns that tell runs apart, and those everybody looks for.
        shared: What all runs have in common, by its name.
    """

    rows: pd.DataFrame
    shared: Mapping[str, GroupValue]


def arrange_runs(results: pd.DataFrame, metric: str) -> RunTable:
    """Arrange a results table for reading.

    Needs columns: those of the runs table and `value`, `value_step`, `logged_as`; one row per run.
    """
    newest = results.sort_values("created_at", ascending=False, kind="stable", ignore_index=True)
    config = {key: values for key, values in read_configurations(newest).items() if key not in DERIVED}
    different = {key: len(set(values)) > 1 for key, values in config.items()}
    first = [key for key in FIRST if different.get(key)]
    shown = [*ALWAYS, *(key for key in config if different[key] and key not in (*ALWAYS, *FIRST))]
    rows = pd.DataFrame(
        {
            "name": newest["name"].fillna(newest["run_id"]),
            "status": newest["status"],
            **_annotations(newest),
            **{key: newest[key] for key in first},
            metric: newest["value"],
            **_other_names(newest, metric),
            "step": newest["value_step"],
            **{key: pd.Series(config[key], dtype=newest[key].dtype if key in newest else None) for key in shown},
            **{key: newest[key] for key in (*MEASURED, "status_reason") if newest[key].notna().any()},
            "created_at": newest["created_at"],
            "run_id": newest["run_id"],
        }
    )
    shared = {key: values[0] for key, values in config.items() if not different[key] and key not in ALWAYS and values}
    return RunTable(rows, {key: value for key, value in shared.items() if value is not None})


def _annotations(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """What people say of the runs, each column where any has some."""
    columns = {
        "starred": runs["starred"].map({True: "★", False: ""}),
        "tags": runs["tags"].map(lambda tags: ", ".join(tags or ())),
        "n_notes": runs["n_notes"],
    }
    return {name: column for name, column in columns.items() if column.astype(bool).any()}


def _other_names(results: pd.DataFrame, metric: str) -> dict[str, pd.Series]:
    """Under which name the metric was logged, where that is another one for some run."""
    logged_as = results["logged_as"]
    return {"logged as": logged_as} if (logged_as.notna() & (logged_as != metric)).any() else {}
