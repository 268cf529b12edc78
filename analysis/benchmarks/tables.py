"""Benchmark scores as tables, for reading and for download."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.benchmarks.report import BenchmarkReport


def cell_table(report: BenchmarkReport, order: Sequence[int]) -> pd.DataFrame:
    """One row per cell, missing ones included: the score and everything that is known of it."""
    matrix, baseline = report.matrix, report.baseline
    rows = []
    for row in order:
        for at, column in enumerate(matrix.columns):
            cell = {
                "row": matrix.rows[row].name,
                "benchmark": column.key,
                "metric": column.metric,
                "score": matrix.scores[row, at],
                "stderr": matrix.stderr[row, at],
                "seed_sd": matrix.seed_sd[row, at],
                "n_runs": int(matrix.n_runs[row, at]),
                "n_items": matrix.n_items[row, at],
                "step": matrix.steps[row, at],
                "chance_level": column.chance_level,
                "at_chance": column.at_chance,
            }
            if report.normalise is not None:
                cell |= {report.normalise: report.scaled.values[row, at]}
            if baseline is not None:
                cell |= {
                    "difference": baseline.differences[row, at],
                    "difference_low": baseline.low[row, at],
                    "difference_high": baseline.high[row, at],
                    "p_holm": baseline.p_values[row, at],
                }
            rows.append(cell | {"key": matrix.rows[row].key})
    return pd.DataFrame(rows)
