"""Cells of a benchmark matrix: which evaluation of a run counts, and runs folded into rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.benchmarks.errors import item_errors
from analysis.benchmarks.types import BenchmarkColumn, Flag, Floats, Step
from analysis.errors import FilterError

_CELL = ["run_id", "column"]


def pick_step(
    measured: pd.DataFrame, columns: tuple[BenchmarkColumn, ...], step: Step
) -> tuple[pd.DataFrame, list[Flag]]:
    """Returns one measurement per run and column: the latest, the best, or the one at a step.

    Several for one step become their mean.

    Needs columns: as `read_measurements`, `column` (position of the column) and `unstated`.

    Raises:
        FilterError: nothing was measured at the step that is asked for.
    """
    flags: list[Flag] = []
    if measured.empty:
        return measured, flags
    if step == "latest":
        picked = measured[measured["step"] == measured.groupby(_CELL)["step"].transform("max")]
    elif step == "best":
        picked, flags = _pick_best(measured, columns)
    else:
        picked = measured[measured["step"] == step]
        if picked.empty:
            there = ", ".join(str(value) for value in sorted(measured["step"].unique()))
            raise FilterError(f"Nothing was measured at step {step}; there are scores at the steps {there}.")
    once = ~picked.duplicated(_CELL, keep=False)
    repeated = picked[~once]
    if repeated.empty:
        return picked, flags
    merged = repeated.groupby(_CELL, as_index=False).agg(
        {name: "mean" if name in ("score", "stderr") else "first" for name in picked.columns if name not in _CELL}
    )
    return pd.concat([picked[once], merged[picked.columns]], ignore_index=True), [*flags, *_duplicate_flags(repeated)]


def _pick_best(measured: pd.DataFrame, columns: tuple[BenchmarkColumn, ...]) -> tuple[pd.DataFrame, list[Flag]]:
    signs = np.array([column.sign for column in columns])
    merit = signs[measured["column"]] * measured["score"]
    ordered = measured.assign(merit=merit).sort_values(["merit", "step"], ascending=[False, True], kind="stable")
    best = ordered.drop_duplicates(_CELL).drop(columns="merit")
    most = int(measured.groupby(_CELL)["step"].nunique().max())
    if most == 1:
        return best, []
    text = (
        f"Each score is the best of up to {most} evaluations. A maximum over noisy values is too good, the more so the "
        "more of them there are; the latest or a chosen step is not."
    )
    return best, [Flag("selection", text)]


def _duplicate_flags(repeated: pd.DataFrame) -> list[Flag]:
    spread = repeated.groupby(_CELL)["score"].agg(lambda scores: scores.max() - scores.min())
    n_different = int((spread > 0).sum())
    if not n_different:
        return []
    names = tuple(sorted({str(name) for name in repeated["benchmark"]}))
    scores = "score was" if n_different == 1 else "scores were"
    return [
        Flag("duplicate", f"{n_different} {scores} reported differently for the same step; their mean is shown.", names)
    ]


def fold_cells(
    picked: pd.DataFrame, columns: tuple[BenchmarkColumn, ...], row_of: Mapping[str, int], n_rows: int
) -> dict[str, Floats]:
    """Returns the arrays of a matrix by name, each (n_rows, n_columns), NaN where nothing was measured.

    Names: scores, stderr, seed_sd, n_runs, n_items, steps, unstated. The item error of a mean over seeds is the root
    mean square of theirs: the seeds answered the same items, so that more seeds do not make more items.

    Args:
        picked: One measurement per run and column.
        columns: The columns.
        row_of: Run id -> position of its row.
        n_rows: Number of rows.
    """
    at = picked["column"].to_numpy(dtype=np.int64)
    scales = np.array([np.nan if column.scale is None else column.scale for column in columns], dtype=float)
    items = picked["n_items"].to_numpy(dtype=float)
    stated = np.array([np.nan if column.n_items is None else column.n_items for column in columns], dtype=float)
    items = np.where(np.isnan(items), stated[at], items)
    errors = item_errors(
        picked["score"].to_numpy(dtype=float), items, scales[at], picked["stderr"].to_numpy(dtype=float)
    )
    table = pd.DataFrame(
        {
            "row": [row_of[str(run)] for run in picked["run_id"]],
            "column": at,
            "run_id": picked["run_id"].to_numpy(),
            "score": picked["score"].to_numpy(dtype=float),
            "variance": errors**2,
            "n_items": items,
            "step": picked["step"].to_numpy(dtype=float),
            "unstated": picked["unstated"].to_numpy(dtype=float),
        }
    ).sort_values(["row", "column", "run_id"])
    cells = table.groupby(["row", "column"])
    folded = {
        "scores": cells["score"].mean(),
        "stderr": np.sqrt(cells["variance"].mean()),
        "seed_sd": cells["score"].std(ddof=1),
        "n_runs": cells["score"].count(),
        "n_items": cells["n_items"].max(),
        "steps": cells["step"].max(),
        "unstated": cells["unstated"].max(),
    }
    return {name: _spread_out(values, n_rows, len(columns)) for name, values in folded.items()}


def _spread_out(values: pd.Series, n_rows: int, n_columns: int) -> Floats:
    out = np.full((n_rows, n_columns), np.nan)
    if len(values):
        out[values.index.get_level_values(0), values.index.get_level_values(1)] = values.to_numpy(dtype=float)
    return out
