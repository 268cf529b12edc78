"""Everything that benchmark scores say: matrix, scale, baseline, aggregates, and the loss beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.benchmarks.aggregates import Aggregate, aggregate_scores
from analysis.benchmarks.choice import MARGIN, choose_configuration
from analysis.benchmarks.choice_types import Choice
from analysis.benchmarks.compare import BaselineComparison, compare_to_baseline
from analysis.benchmarks.conditions import Conditions, condition_flags, read_conditions
from analysis.benchmarks.correlation import correlate_with_loss
from analysis.benchmarks.correlation_types import LossCorrelations
from analysis.benchmarks.items import Fetch, MatrixItems, read_items
from analysis.benchmarks.matrix import compute_benchmark_matrix
from analysis.benchmarks.normalise import ScaledScores, scale_scores
from analysis.benchmarks.types import (
    BenchmarkColumn,
    BenchmarkMatrix,
    BenchmarkRow,
    By,
    Flag,
    Floats,
    Normalisation,
    Step,
)
from analysis.benchmarks.verdicts import aggregate_verdict, correlation_conflicts, coverage_text
from analysis.errors import FilterError
from analysis.runs.direction import Direction


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchmarkReport:
    """What benchmark scores say.

    Attributes:
        matrix: The scores as reported.
        normalise: The scale of `scaled`; None is as reported.
        scaled: The scores on that scale.
        baseline: Differences to a row on that scale; None when no row was chosen.
        aggregates: Mean, mean rank, win rate and Bradley-Terry strength.
        coverage: One sentence on missing cells and what they exclude.
        verdict: Sentences on whom the aggregates name; empty below two rows.
        correlation: The loss beside every column; None when no loss was given.
        choice: What to take by the loss and by the benchmarks; likewise.
        conditions: How each column was measured, as far as the runs say.
    """

    matrix: BenchmarkMatrix
    normalise: Normalisation | None
    scaled: ScaledScores
    baseline: BaselineComparison | None
    aggregates: tuple[Aggregate, ...]
    coverage: str
    verdict: tuple[str, ...]
    correlation: LossCorrelations | None
    choice: Choice | None
    conditions: tuple[Conditions, ...]

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags of the matrix, and columns where pooling tells another story than the groups."""
        conflicts = correlation_conflicts(self.correlation) if self.correlation else None
        flags = (*condition_flags(self.conditions), *self.matrix.flags)
        return flags if conflicts is None else (*flags, conflicts)

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        matrix, missing = self.matrix, self.matrix.missing
        return {
            "by": matrix.by,
            "step": matrix.step,
            "normalise": self.normalise or "none",
            "rows": [_row_json(row) for row in matrix.rows],
            "columns": [
                _column_json(column) | {"conditions": found.to_json()}
                for column, found in zip(matrix.columns, self.conditions, strict=True)
            ],
            "scores": self.scaled.values,
            "stderr": self.scaled.errors,
            "reported_scores": matrix.scores,
            "seed_sd": matrix.seed_sd,
            "n_runs": matrix.n_runs,
            "n_items": matrix.n_items,
            "steps": matrix.steps,
            "n_missing": {
                "total": int(missing.sum()),
                "by_row": missing.sum(axis=1),
                "by_column": missing.sum(axis=0),
            },
            "aggregate": self._aggregate_json(),
            "excluded": {
                "n_runs_without_scores": matrix.n_unscored_runs,
                "rows": list(self.aggregates[1].left_out),
                "columns": [c.key for c in matrix.columns if c.key not in self.aggregates[1].columns],
            },
            "baseline": self.baseline.to_json() if self.baseline else None,
            "correlation": self.correlation.to_json() if self.correlation else None,
            "choice": self.choice.to_json() if self.choice else None,
            "flags": [flag.to_json() for flag in self.flags],
        }

    def _aggregate_json(self) -> dict[str, object]:
        methods: dict[str, object] = {aggregate.method: aggregate.to_json() for aggregate in self.aggregates}
        return methods | {"coverage": self.coverage, "verdict": list(self.verdict)}


def report_benchmarks(
    evals: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    rows: By = "run",
    step: Step = "latest",
    benchmarks: Sequence[str] = (),
    normalise: Normalisation | None = None,
    baseline: str | None = None,
    metric: str | None = None,
    direction: Direction = "min",
    within: Sequence[str] | None = None,
    margin: float = MARGIN,
    fetch_items: Fetch | None = None,
) -> BenchmarkReport:
    """Returns the matrix of scores and all that is computed from it.

    Needs columns: those of the evals table, and of the runs table; with `metric` also `value`, its last value per run.

    Args:
        evals: As `Snapshot.evals` gives it.
        runs: As `Snapshot.runs` gives it, or `Snapshot.results(metric)`.
        rows: What a row is: a run, or a trial over its seeds.
        step: Which evaluation of a run counts.
        benchmarks: Only these, as `NAME` or `NAME:METRIC`.
        normalise: The scale of scores and differences.
        baseline: Key or name of the row to compare with.
        metric: Name of the loss in `value` that is set beside the scores; None leaves that out.
        direction: Whether lower or higher values of it are better.
        within: What tells comparable groups apart there.
        margin: How far from the best loss the choice by benchmarks may go, as a share of it.
        fetch_items: Reads scores by item (`Snapshot.eval_items`); None compares without them.

    Raises:
        SchemaError: a column is missing.
        FilterError: an unknown benchmark, metric, step, baseline or key.
    """
    matrix = compute_benchmark_matrix(evals, runs, rows=rows, step=step, benchmarks=benchmarks)
    aggregates = aggregate_scores(matrix)
    report = BenchmarkReport(
        matrix=matrix,
        normalise=None,
        scaled=scale_scores(matrix, None),
        baseline=None,
        aggregates=aggregates,
        coverage=coverage_text(matrix, aggregates),
        verdict=aggregate_verdict(matrix, aggregates),
        correlation=None,
        choice=None,
        conditions=read_conditions(runs, (run_id for row in matrix.rows for run_id in row.run_ids), matrix.columns),
    )
    if metric is not None:
        choice = choose_configuration(
            evals,
            runs,
            metric=metric,
            direction=direction,
            margin=margin,
            step=step,
            benchmarks=benchmarks,
            fetch_items=fetch_items,
        )
        report = with_loss(report, runs, choice, metric=metric, direction=direction, within=within)
    items = read_items(matrix, fetch_items) if fetch_items is not None and baseline is not None else None
    return rescale(report, normalise=normalise, baseline=baseline, items=items)


def with_loss(
    report: BenchmarkReport,
    runs: pd.DataFrame,
    choice: Choice,
    *,
    metric: str,
    direction: Direction,
    within: Sequence[str] | None = None,
) -> BenchmarkReport:
    """Returns the report with the loss set beside the scores; arguments as those of `report_benchmarks`."""
    correlation = correlate_with_loss(report.matrix, runs, metric=metric, direction=direction, within=within)
    return replace(report, correlation=correlation, choice=choice)


def rescale(
    report: BenchmarkReport,
    *,
    normalise: Normalisation | None,
    baseline: str | None,
    items: MatrixItems | None = None,
) -> BenchmarkReport:
    """Returns the same report on another scale, compared with another row, item by item where there are items.

    Raises:
        FilterError: no row has that key, or several have that name.
    """
    scaled = scale_scores(report.matrix, normalise)
    comparison = compare_to_baseline(report.matrix, scaled, baseline, items) if baseline is not None else None
    return replace(report, normalise=normalise, scaled=scaled, baseline=comparison)


def default_sort(report: BenchmarkReport) -> str:
    """Returns what rows are sorted by unless told otherwise: the first aggregate that has a value, else a column."""
    known = [aggregate.method for aggregate in report.aggregates if aggregate.winners]
    return known[0] if known else report.matrix.columns[0].key if report.matrix.columns else "mean"


def sort_rows(report: BenchmarkReport, by: str) -> list[int]:
    """Returns the positions of the rows, best first, by an aggregate's method or a column's key; missing ones last.

    The un-tuned base model stands above all, whatever it scores: it is what the others are held against. Rows that are
    equal keep the order of their keys.

    Raises:
        FilterError: there is no such aggregate or column.
    """
    merits: dict[str, Floats] = {aggregate.method: aggregate.merit for aggregate in report.aggregates}
    columns = {column.key: position for position, column in enumerate(report.matrix.columns)}
    if by in columns:
        merit = report.matrix.scores[:, columns[by]] * report.matrix.columns[columns[by]].sign
    elif by in merits:
        merit = merits[by]
    else:
        raise FilterError(f"Rows cannot be sorted by '{by}'; they can by: {', '.join([*merits, *columns])}.")
    placed = zip(report.matrix.rows, np.isnan(merit).tolist(), np.nan_to_num(merit).tolist(), strict=True)
    places = [(not row.is_base, is_missing, -value, row.key) for row, is_missing, value in placed]
    return sorted(range(len(places)), key=places.__getitem__)


def _row_json(row: BenchmarkRow) -> dict[str, object]:
    return {
        "key": row.key,
        "name": row.name,
        "config": dict(row.config),
        "run_ids": list(row.run_ids),
        "is_base": row.is_base,
    }


def _column_json(column: BenchmarkColumn) -> dict[str, object]:
    return {
        "key": column.key,
        "benchmark": column.benchmark,
        "metric": column.metric,
        "higher_is_better": column.higher_is_better,
        "chance_level": column.chance_level,
        "at_chance": column.at_chance,
        "scale": column.scale,
        "n_items": column.n_items,
        "harness": column.harness,
        "harness_version": column.harness_version,
        "items_digest": column.items_digest,
        "seed_sd": column.seed_sd,
    }
