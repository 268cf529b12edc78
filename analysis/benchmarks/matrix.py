"""Which run (or trial) scores what on which benchmark, and how sure each score is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from analysis.benchmarks.cells import fold_cells, pick_step
from analysis.benchmarks.chance import is_at_chance
from analysis.benchmarks.columns import split_columns
from analysis.benchmarks.measurements import pick_metrics, read_measurements
from analysis.benchmarks.protocol import find_breaks
from analysis.benchmarks.rows import make_rows, trial_of_runs
from analysis.benchmarks.types import BenchmarkColumn, BenchmarkMatrix, BenchmarkRow, By, Flag, Floats, Step

_MOST_NAMED: Final = 6


def compute_benchmark_matrix(
    evals: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    rows: By = "run",
    step: Step = "latest",
    benchmarks: Sequence[str] = (),
) -> BenchmarkMatrix:
    """Returns the scores of runs or trials on benchmarks, with their errors; what is missing stays missing.

    Needs columns: those of the evals table, one row per score, and of the runs table, one row per run.

    Args:
        evals: As `Snapshot.evals` gives it; rows of runs that are not in `runs` count for nothing.
        runs: As `Snapshot.runs` gives it.
        rows: Whether a row is a run or a trial, the mean over the runs that share a trial key.
        step: Which evaluation of a run counts on each benchmark: the latest, the best, or the one at this step.
        benchmarks: Only these, each as `NAME` or `NAME:METRIC`; all when empty.

    Raises:
        SchemaError: a column is missing.
        FilterError: an unknown benchmark or metric, or a step at which nothing was measured.
    """
    here = evals[evals["run_id"].isin(runs["run_id"])] if "run_id" in evals.columns else evals
    measured, flags = read_measurements(here)
    measured, metric_flags = pick_metrics(measured, benchmarks)
    split = split_columns(measured)
    measured = measured.assign(column=split.index, unstated=split.unstated)
    picked, step_flags = pick_step(measured, split.columns, step)
    scored = {str(run_id) for run_id in picked["run_id"]}
    trials = trial_of_runs(runs)
    picked = picked.assign(trial=[trials[str(run_id)] for run_id in picked["run_id"]])
    members = make_rows(runs, scored, rows)
    row_of = {run_id: position for position, row in enumerate(members) for run_id in row.run_ids}
    cells = fold_cells(picked, split.columns, row_of, len(members))
    columns = tuple(
        _judge(column, position, cells, noise)
        for (position, column), noise in zip(enumerate(split.columns), _seed_noise(picked, split.columns), strict=True)
    )
    matrix_flags = [*flags, *metric_flags, *split.flags, *step_flags, *_flags(columns, members, cells, rows)]
    return BenchmarkMatrix(
        by=rows,
        step=step,
        rows=members,
        columns=columns,
        scores=cells["scores"],
        stderr=cells["stderr"],
        seed_sd=cells["seed_sd"],
        n_runs=np.nan_to_num(cells["n_runs"]).astype(np.int64),
        n_items=cells["n_items"],
        steps=cells["steps"],
        unstated=cells["unstated"] == 1,
        n_unscored_runs=len(runs) - len(scored),
        measurements=picked[["run_id", "trial", "column", "step", "score"]].reset_index(drop=True),
        flags=(*matrix_flags, *find_breaks(measured, columns)),
    )


def _seed_noise(picked: pd.DataFrame, columns: Sequence[BenchmarkColumn]) -> list[tuple[float | None, int]]:
    """Returns run-to-run standard deviation and its degrees of freedom per column, pooled over replicated trials."""
    found: list[tuple[float | None, int]] = [(None, 0)] * len(columns)
    for position, members in picked.groupby("column"):
        groups = members.groupby("trial")["score"]
        dof = len(members) - groups.ngroups
        if dof > 0:
            squares = float(((members["score"] - groups.transform("mean")) ** 2).sum())
            found[int(str(position))] = (float(np.sqrt(squares / dof)), dof)
    return found


def _judge(
    column: BenchmarkColumn, position: int, cells: Mapping[str, Floats], noise: tuple[float | None, int]
) -> BenchmarkColumn:
    at_chance = is_at_chance(
        cells["scores"][:, position],
        cells["n_items"][:, position],
        cells["stderr"][:, position],
        chance=column.chance_level,
        scale=column.scale,
        sign=column.sign,
    )
    return replace(column, at_chance=at_chance, seed_sd=noise[0], seed_dof=noise[1])


def _flags(
    columns: Sequence[BenchmarkColumn], rows: Sequence[BenchmarkRow], cells: Mapping[str, Floats], by: By
) -> list[Flag]:
    flags = []
    for kind, found, text in (
        ("chance", [c.key for c in columns if c.at_chance], "at chance for everybody (no row is significantly above)"),
        (
            "unknown_chance",
            [c.key for c in columns if c.chance_level is None and c.scale],
            "without a known chance level",
        ),
        (
            "unbounded",
            [c.key for c in columns if c.scale is None],
            "without a perfect score, so not normalised for chance",
        ),
    ):
        if found:
            flags.append(Flag(kind, f"{len(found)} of {len(columns)} columns {text}: {_listed(found)}.", tuple(found)))
    mixed = [row.key for row, steps in zip(rows, cells["steps"], strict=True) if len(set(steps[~np.isnan(steps)])) > 1]
    if mixed:
        what = f"In {len(mixed)} of {len(rows)} rows the scores come from different steps."
        flags.append(Flag("step", what, rows=tuple(mixed)))
    uneven = [row.key for row, n in zip(rows, cells["n_runs"], strict=True) if len(set(n[~np.isnan(n)])) > 1]
    if uneven and by == "trial":
        text = f"In {len(uneven)} of {len(rows)} trials not every run was measured on every benchmark."
        flags.append(Flag("uneven", text, rows=tuple(uneven)))
    return flags


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
