"""Benchmark scores as tables: what charts show, for reading and for download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from analysis.benchmarks.correlation_types import LossCorrelations
from analysis.benchmarks.report import BenchmarkReport
from analysis.benchmarks.texts import column_digits, value_text
from pages._tables import show_table

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig


def show_score_table(report: BenchmarkReport, order: Sequence[int]) -> None:
    """Every score with its error, for when the heatmap has no room for numbers."""
    digits = column_digits(report.scaled.errors)
    values, errors = report.scaled.values, report.scaled.errors
    table = pd.DataFrame(
        {
            report.matrix.by: [report.matrix.rows[row].name for row in order],
            **{
                column.key: [value_text(values[row, at], errors[row, at], digits=digits[at]) or None for row in order]
                for at, column in enumerate(report.matrix.columns)
            },
        }
    )
    pinned: dict[str, ColumnConfig | str | None] = {report.matrix.by: st.column_config.TextColumn(pinned=True)}
    show_table(table, name="benchmark-scores", alt="One row per run or trial, one column per benchmark", columns=pinned)


def show_aggregates(report: BenchmarkReport, order: Sequence[int]) -> None:
    """All aggregates side by side."""
    aggregates = {aggregate.method: aggregate for aggregate in report.aggregates}
    mean, rank = aggregates["mean"], aggregates["mean_rank"]
    rows = list(order)
    table = pd.DataFrame(
        {
            report.matrix.by: [report.matrix.rows[row].name for row in rows],
            "mean": mean.values[rows],
            "mean_low": mean.low[rows],
            "mean_high": mean.high[rows],
            "mean_rank": rank.values[rows],
            "rank_low": rank.low[rows],
            "rank_high": rank.high[rows],
            "win_rate": aggregates["win_rate"].values[rows],
            "bradley_terry": aggregates["bradley_terry"].values[rows],
            "n_missing": report.matrix.missing.sum(axis=1)[rows],
        }
    )
    number = st.column_config.NumberColumn
    columns: dict[str, ColumnConfig | str | None] = {
        report.matrix.by: st.column_config.TextColumn(pinned=True),
        "mean": number(format="%.3f", help=f"mean score, 0 is chance and 1 perfect; interval: {mean.interval_method}"),
        "mean_low": number(format="%.3f"),
        "mean_high": number(format="%.3f"),
        "mean_rank": number(format="%.2f", help=f"1 is best on every benchmark; interval: {rank.interval_method}"),
        "rank_low": number(format="%.2f"),
        "rank_high": number(format="%.2f"),
        "win_rate": number(format="percent", help="share of the other rows that it beats, mean over benchmarks"),
        "bradley_terry": number(format="%.2f", help="strength: a lead of 1 means winning 73 % of comparisons"),
    }
    # A column without one number is noise.
    table = table.dropna(axis="columns", how="all")
    show_table(
        table,
        name="benchmark-aggregates",
        alt="One row per run or trial, every aggregate",
        columns=columns,
        whole_percent=("win_rate",),
    )


def show_correlations(correlation: LossCorrelations) -> None:
    """One row per benchmark: how well the loss orders its scores."""
    table = pd.DataFrame(
        [
            {
                "benchmark": found.column,
                "n": found.n,
                "tau": found.tau.value,
                "low": found.tau.low,
                "high": found.tau.high,
                "tau_inside_groups": found.within.value,
                "inside_low": found.within.low,
                "inside_high": found.within.high,
                "tau_best_quarter": found.top_tau,
                "regret": found.regret,
                "regret_stderr": found.regret_stderr,
                "interval": found.tau.method,
            }
            for found in correlation.columns
        ]
    ).dropna(axis="columns", how="all")
    tau = st.column_config.NumberColumn
    names = ("tau", "low", "high", "tau_inside_groups", "inside_low", "inside_high", "tau_best_quarter")
    columns: dict[str, ColumnConfig | str | None] = {
        "benchmark": st.column_config.TextColumn(pinned=True),
        **{name: tau(format="%.2f") for name in names},
        "regret": tau(format="%.4f", help="best score minus the score of the row with the best loss"),
        "regret_stderr": tau(format="%.4f"),
    }
    show_table(table, name="loss-benchmark", alt="One row per benchmark", columns=columns)
