"""Breaks in how something was measured: a benchmark that jumps for all runs at once between two evaluations.

Our own rule, cautious on purpose: learning makes scores move together too, most of all at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.benchmarks.types import BenchmarkColumn, Flag, Floats

_FEWEST_RUNS: Final = 3
# Fewer changes than this are no history to stand out from.
_FEWEST_CHANGES: Final = 4
_SAME_SIGN: Final = 0.9
# In robust standard deviations of how changes differ from their neighbours, and in multiples of these neighbours.
_OUTLIER: Final = 5.0
_TIMES_NEIGHBOURS: Final = 3.0
_MAD_TO_SD: Final = 1.4826


def find_breaks(measured: pd.DataFrame, columns: Sequence[BenchmarkColumn]) -> list[Flag]:
    """Returns one flag per column and pair of steps between which nearly all runs jumped the same way.

    A jump counts when the median change over the runs differs from its neighbours by five times what the column's other
    changes do (and what the runs' scatter explains), is three times its neighbours (also per step, for uneven steps)
    and has the same sign in 90 % of at least three runs. The first change of a column never counts: that is where
    training moves most.

    Needs columns: run_id, column (position of the column), step, score; one row per evaluation.
    """
    flags = []
    for position, members in measured.groupby("column"):
        column = columns[int(str(position))]
        table = members.pivot_table(index="run_id", columns="step", values="score", aggfunc="mean")
        for before, after, jump, n_runs in _jumps(table):
            text = (
                f"{column.key} jumps by {jump:+.3g} in nearly all of {n_runs} runs at once between the steps {before} "
                f"and {after}, unlike before and after: was it measured in another way from then on?"
            )
            flags.append(Flag("break", text, (column.key,)))
    return flags


def _jumps(table: pd.DataFrame) -> list[tuple[int, int, float, int]]:
    """Returns (step before, step after, median change, runs) of each jump in a table of runs by steps."""
    table = table.loc[:, table.notna().sum() >= _FEWEST_RUNS]
    steps = table.columns.to_numpy(dtype=float)
    if len(steps) <= _FEWEST_CHANGES:
        return []
    changes = np.diff(table.to_numpy(dtype=float), axis=1)
    n_runs = (~np.isnan(changes)).sum(axis=0)
    enough = n_runs >= _FEWEST_RUNS
    if enough.sum() < _FEWEST_CHANGES:
        return []
    changes, n_runs, gaps = changes[:, enough], n_runs[enough], np.diff(steps)[enough]
    ends = list(zip(steps[:-1][enough], steps[1:][enough], strict=True))
    medians = np.nanmedian(changes, axis=0)
    # The first change has no history before it.
    return [
        (int(ends[at][0]), int(ends[at][1]), float(medians[at]), int(n_runs[at]))
        for at in range(1, len(medians))
        if _is_break(at, medians, changes, gaps)
    ]


def _is_break(at: int, medians: Floats, changes: Floats, gaps: Floats) -> bool:
    own = changes[:, at][~np.isnan(changes[:, at])]
    same_sign = np.mean(np.sign(own) == np.sign(medians[at]))
    if medians[at] == 0 or same_sign < _SAME_SIGN:
        return False
    surprise = np.array([_surprise(medians, index) for index in range(len(medians))])
    # A jump is part of its neighbours' surprise as well.
    far = np.abs(np.arange(len(medians)) - at) > 1
    history = _MAD_TO_SD * float(np.median(np.abs(surprise[far]))) if far.any() else 0.0
    # Medians scatter at least as much as single runs do, divided by the root of their number.
    within = _MAD_TO_SD * float(np.median(np.abs(own - medians[at]))) / np.sqrt(len(own))
    stands_out = all(
        abs(medians[at]) > _TIMES_NEIGHBOURS * abs(medians[index])
        and abs(medians[at]) / gaps[at] > _TIMES_NEIGHBOURS * abs(medians[index]) / gaps[index]
        for index in _neighbours(at, len(medians))
    )
    return stands_out and abs(surprise[at]) > _OUTLIER * max(history, within)


def _surprise(medians: Floats, at: int) -> float:
    """Returns how far a change is from the mean of its neighbours: learning slows down, but not all at once."""
    return float(medians[at] - np.mean(medians[_neighbours(at, len(medians))]))


def _neighbours(at: int, n: int) -> list[int]:
    return [index for index in (at - 1, at + 1) if 0 <= index < n]
