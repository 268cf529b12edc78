"""Differences between two configurations in the mean over benchmarks, and in the loss, with their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from analysis.benchmarks.choice_types import Gap
from analysis.benchmarks.items import ColumnItems, MatrixItems
from analysis.benchmarks.normalise import scale_scores
from analysis.benchmarks.paired import item_variances
from analysis.benchmarks.types import BenchmarkMatrix
from analysis.pareto.types import ParetoPoint


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """Scores of runs: matrix by run, positions of the columns in the mean, and run id -> mean and loss."""

    matrix: BenchmarkMatrix
    columns: tuple[int, ...]
    mean_of: Mapping[str, float]
    losses: Mapping[str, float]


class _Part(NamedTuple):
    """Of one benchmark: variance from its items, the share of it that runs' means hold too, its degrees of freedom."""

    items: float
    residual: float
    dof: float
    is_paired: bool


def score_gap(
    table: ScoreTable, points: Sequence[ParetoPoint], first: ParetoPoint, second: ParetoPoint, items: MatrixItems
) -> Gap:
    """Returns the benchmark mean of the first less that of the second, for these benchmarks.

    The variance is that of `paired` (unpaired where items are missing), summed over the benchmarks and divided by the
    square of their number; run-to-run noise is that of a run's mean over benchmarks, pooled over all candidates.
    """
    value = _mean(table.mean_of, first) - _mean(table.mean_of, second)
    parts = [_part(table.matrix, column, first, second, items.get(column)) for column in table.columns]
    n = len(parts)
    residual = sum(part.residual for part in parts) / n**2
    drawn, dof = _pooled(table.mean_of, points)
    weight = 1 / len(first.run_ids) + 1 / len(second.run_ids)
    runs = max(weight * drawn, residual)
    variance = sum(max(part.items - part.residual, 0.0) for part in parts) / n**2 + runs
    n_paired = sum(part.is_paired for part in parts)
    how = f"paired by item in {n_paired} of {n} benchmarks, run-to-run noise {'' if dof else 'unknown and not '}in it"
    if not np.isfinite(variance):
        return Gap(value, None, None, "no interval: a score has no known error")
    spread = sum((part.items / n**2) ** 2 / part.dof for part in parts)
    spread += runs**2 / dof if dof and runs > residual else 0.0
    return _interval(value, variance, variance**2 / spread if spread > 0 else np.inf, how)


def loss_gap(table: ScoreTable, points: Sequence[ParetoPoint], first: ParetoPoint, second: ParetoPoint) -> Gap:
    """Returns the loss of the first less that of the second, with run-to-run noise pooled over all candidates."""
    value = _mean(table.losses, first) - _mean(table.losses, second)
    variance, dof = _pooled(table.losses, points)
    if not dof:
        return Gap(value, None, None, "no interval: no configuration has several runs")
    weight = 1 / len(first.run_ids) + 1 / len(second.run_ids)
    return _interval(value, weight * variance, dof, f"run-to-run noise ({dof} degrees of freedom)")


def _part(
    matrix: BenchmarkMatrix, position: int, first: ParetoPoint, second: ParetoPoint, items: ColumnItems | None
) -> _Part:
    unit = float(scale_unit(matrix, position))
    scores = [None if items is None else items.of_runs(point.run_ids) for point in (first, second)]
    if items is not None and scores[0] is not None and scores[1] is not None:
        differences = (scores[0].mean(axis=0) - scores[1].mean(axis=0))[None, :]
        weight = 1 / len(scores[0]) + 1 / len(scores[1])
        n_items = differences.shape[1]
        own = float(item_variances(differences, matrix.columns[position].scale)[0])
        return _Part(own / unit**2, weight * items.noise.residual / n_items / unit**2, n_items - 1.0, True)
    row_of = {row.key: at for at, row in enumerate(matrix.rows)}
    errors = [
        float(np.mean([matrix.stderr[row_of[run_id], position] ** 2 for run_id in point.run_ids]))
        for point in (first, second)
    ]
    return _Part(sum(errors) / unit**2, 0.0, np.inf, False)


def scale_unit(matrix: BenchmarkMatrix, position: int) -> float:
    """Returns what one unit of the scale from chance to perfect is in the unit of a column's scores."""
    return float(scale_scores(matrix, "chance").units[position])


def _pooled(value_of: Mapping[str, float], points: Sequence[ParetoPoint]) -> tuple[float, int]:
    """Returns the variance between runs of one configuration, pooled, and its degrees of freedom."""
    replicated = [np.array([value_of[run_id] for run_id in point.run_ids]) for point in points]
    dof = sum(len(values) - 1 for values in replicated)
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in replicated)
    return (squares / dof if dof else 0.0), dof


def _mean(value_of: Mapping[str, float], point: ParetoPoint) -> float:
    return float(np.mean([value_of[run_id] for run_id in point.run_ids]))


def _interval(value: float, variance: float, dof: float, method: str) -> Gap:
    reach = float(stats.t.ppf(0.975, dof) * np.sqrt(variance))
    return Gap(value, value - reach, value + reach, method)
