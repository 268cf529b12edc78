"""The tables of the page Compare runs: last values against a reference run, and differing settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from analysis.number_format import format_tried_lr
from analysis.runs.direction import direction_of
from analysis.runs.side_by_side import RunComparison, compare_runs
from pages._compare_choice import run_names
from pages._data import analyse, load_metric_directions
from pages._tables import show_table, status_badges
from pages._text import MISSING
from pages._view import View

_VERDICTS: Final = {True: "better", False: "worse", None: None}


def show_last_values(view: View, chosen: Sequence[str], metrics: Sequence[str]) -> None:
    """One row per run: the last value of each metric, and its difference to a run of the reader's choice."""
    names = run_names(view.all_runs, chosen)
    reference = st.selectbox(
        "Compared with",
        chosen,
        format_func=names.__getitem__,
        key="reference",
        bind="query-params",
        width=420,
    )
    base = reference if reference in chosen else chosen[0]
    shown = dict.fromkeys([view.metric, *metrics])
    comparisons = [_compare(view, chosen, metric, base) for metric in shown]
    columns = {
        **{metric: st.column_config.NumberColumn(format="%.4f", help="last logged value") for metric in shown},
        **{
            f"{metric} difference": st.column_config.NumberColumn(format="%+.4f", help="minus that of the reference")
            for metric in shown
        },
    }
    table = last_values(comparisons, names)
    show_table(table, name="last-values", alt="One row per run, with its last values", columns=columns)


def show_differing(view: View, chosen: Sequence[str]) -> None:
    """One row per setting in which the chosen runs differ."""
    comparison = _compare(view, chosen, view.metric, chosen[0])
    if len(chosen) < 2:
        st.caption("Choose several runs to see where they differ.")
    elif not comparison.differing:
        st.caption("The chosen runs have the same configuration.")
    else:
        table = differing_table(comparison, run_names(view.all_runs, chosen))
        show_table(table, name="config-diff", alt="Settings in which the chosen runs differ")


def last_values(comparisons: Sequence[RunComparison], names: dict[str, str]) -> pd.DataFrame:
    """One row per run; for each metric its last value, the difference to the reference, and which way that is."""
    first = comparisons[0]
    columns: dict[str, object] = {
        "run": [names.get(run.run_id, run.run_id) for run in first.runs],
        "status": status_badges(pd.Series([run.status for run in first.runs])),
    }
    if any(run.parent_run_id for run in first.runs):
        columns["forked from"] = [run.parent_run_id for run in first.runs]
        columns["fork_step"] = [run.fork_step for run in first.runs]
    for comparison in comparisons:
        metric = comparison.metric
        columns[metric] = [run.value for run in comparison.runs]
        columns[f"{metric} difference"] = [run.difference for run in comparison.runs]
        columns[f"{metric} is"] = [_VERDICTS[run.is_better] for run in comparison.runs]
    return pd.DataFrame(columns)


def differing_table(comparison: RunComparison, names: dict[str, str]) -> pd.DataFrame:
    """The differing settings as text, one column per run under its name."""
    ids = [run.run_id for run in comparison.runs]
    rows = [[key, *texts_of(key, values)] for key, values in comparison.differing]
    return pd.DataFrame(rows, columns=["setting", *(_column(names.get(run_id, run_id)) for run_id in ids)])


def texts_of(key: str, values: Sequence[object]) -> list[str]:
    """A setting of every run; learning rates to three digits, unless two would then look the same."""
    exact = [MISSING if value is None else str(value) for value in values]
    if key != "learning_rate":
        return exact
    short = [
        format_tried_lr(value) if isinstance(value, float) else text for value, text in zip(values, exact, strict=True)
    ]
    return short if len(set(short)) == len(set(exact)) else exact


def _column(name: str) -> str:
    """A run may be called "setting"."""
    return f"{name} (run)" if name == "setting" else name


def _compare(view: View, chosen: Sequence[str], metric: str, reference: str) -> RunComparison:
    """The comparison by one metric; runs outside the filters may come from a link."""
    directions = load_metric_directions(view.snapshot)
    direction = view.direction if metric == view.metric else direction_of(metric, directions)
    unfiltered = replace(view, where=(), metric=metric, direction=direction)
    return analyse(unfiltered, compare_runs, run_ids=tuple(chosen), reference=reference)
