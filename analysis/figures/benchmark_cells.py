"""What stands in the cells of the benchmark heatmap, and what they tell when pointed at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.benchmarks.conditions import Conditions
from analysis.benchmarks.report import BenchmarkReport
from analysis.benchmarks.texts import column_digits, value_text
from analysis.figures.theme import escape
from analysis.number_format import format_value


def cell_texts(report: BenchmarkReport, rows: Sequence[int]) -> list[list[str]]:
    """Returns score and error of each cell on two lines, differences with their sign, real ones in bold."""
    n_columns = len(report.matrix.columns)
    digits = column_digits(report.baseline.errors if report.baseline else report.scaled.errors)
    return [[_text(report, row, at, digits[at]) for at in range(n_columns)] for row in rows]


def _text(report: BenchmarkReport, row: int, at: int, digits: float) -> str:
    baseline = report.baseline
    if baseline is None or report.matrix.rows[row].key == baseline.key:
        value, error = report.scaled.values[row, at], report.scaled.errors[row, at]
        return value_text(value, error, digits=digits, between="<br>±")
    value, error = baseline.differences[row, at], baseline.errors[row, at]
    text = value_text(value, error, digits=digits, signed=True, between="<br>±")
    return f"<b>{text}</b>" if baseline.is_different[row, at] else text


def cell_hover(report: BenchmarkReport, row: int, at: int) -> str:
    """Returns everything that is known of one cell."""
    matrix, column = report.matrix, report.matrix.columns[at]
    head = [f"<b>{escape(matrix.rows[row].name)}</b>", f"{escape(column.key)}, {escape(column.metric)}"]
    if matrix.missing[row, at]:
        return "<br>".join([*head, "not measured"])
    lines = [f"score {value_text(matrix.scores[row, at], matrix.stderr[row, at])} (item error)"]
    if report.normalise is not None and not np.isnan(report.scaled.values[row, at]):
        lines.append(f"{report.normalise} {value_text(report.scaled.values[row, at], report.scaled.errors[row, at])}")
    if report.baseline is not None and report.matrix.rows[row].key != report.baseline.key:
        lines += _difference(report, row, at)
    if not np.isnan(matrix.seed_sd[row, at]):
        lines.append(f"sd {format_value(float(matrix.seed_sd[row, at]))} between {matrix.n_runs[row, at]} runs")
    items = "items unknown" if np.isnan(matrix.n_items[row, at]) else f"{matrix.n_items[row, at]:,.0f} items"
    lines.append(f"{items}, step {matrix.steps[row, at]:,.0f}")
    if column.chance_level is not None:
        lines.append(f"chance {column.chance_level:g}{', nobody is above' if column.at_chance else ''}")
    lines += _conditions(report.conditions[at])
    if matrix.unstated[row, at]:
        lines.append("does not say fully how it was measured")
    return "<br>".join([*head, *lines])


def _difference(report: BenchmarkReport, row: int, at: int) -> list[str]:
    baseline = report.baseline
    if baseline is None or np.isnan(baseline.differences[row, at]):
        return ["no difference: the baseline was not measured"]
    value = baseline.differences[row, at]
    if np.isnan(baseline.errors[row, at]):
        return [f"difference {value:+.4g}, error unknown"]
    low, high = baseline.low[row, at], baseline.high[row, at]
    verdict = "really different" if baseline.is_different[row, at] else "not told apart"
    method = "paired by item" if baseline.is_paired[row, at] else "unpaired"
    lines = [f"difference {value:+.3g}, 95 % interval {low:+.3g} to {high:+.3g}, {method}"]
    if not np.isnan(baseline.p_mcnemar[row, at]):
        lines.append(f"McNemar p {baseline.p_mcnemar[row, at]:.2g}")
    return [*lines, f"{verdict} (Holm over all cells)"]


def _conditions(found: Conditions) -> list[str]:
    """Returns what was left out, cut or seen in training, of any run."""
    said = (
        (found.n_near, "items also in training data, or nearly"),
        (found.n_excluded, "bad items left out"),
        (found.n_truncated, "items cut to fit the context"),
    )
    return [f"{n:,} {what}" for n, what in said if n]
