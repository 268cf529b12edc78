"""Every cell against the same benchmark in a baseline row: how much better, and is that more than noise?

Where both sides have their scores by item, they are compared item by item (`paired`), else as independent samples.

Source: E. Miller 2024, arXiv 2411.00640 (unpaired and paired errors); B. L. Welch 1947, Biometrika 34:28 and
F. E. Satterthwaite 1946 (degrees of freedom of a sum of variances).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.benchmarks.errors import holm
from analysis.benchmarks.items import ColumnItems, MatrixItems
from analysis.benchmarks.normalise import ScaledScores
from analysis.benchmarks.paired import RunNoise, paired_errors
from analysis.benchmarks.types import BenchmarkMatrix, Floats
from analysis.errors import FilterError

Flags = NDArray[np.bool_]

_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineComparison:
    """Differences to a baseline row; arrays are (n_rows, n_columns), NaN where either cell or its error is missing.

    Attributes:
        key: Key of the baseline row.
        name: Its name.
        differences: Row minus baseline in the unit of the scaled scores, turned so that positive is better.
        errors: Their standard errors.
        z: Differences in standard errors.
        low: Lower end of each difference's 95 % interval, not corrected for the number of cells.
        high: Upper end.
        p_values: Two-sided, corrected by Holm over all cells.
        is_paired: Where both sides were compared item by item.
        p_mcnemar: Exact McNemar p-values of right-or-wrong answers of single runs, not corrected; else NaN.
        notes: What the errors hold and what they do not.
    """

    key: str
    name: str
    differences: Floats
    errors: Floats
    z: Floats
    low: Floats
    high: Floats
    p_values: Floats
    is_paired: Flags
    p_mcnemar: Floats
    notes: tuple[str, ...]

    @property
    def is_different(self) -> Flags:
        """Where the corrected p-value is below 5 %."""
        return self.p_values < _LEVEL

    def to_json(self) -> dict[str, object]:
        """Returns the comparison under its documented JSON keys."""
        return {
            "row": self.key,
            "name": self.name,
            "difference": self.differences,
            "stderr": self.errors,
            "z": self.z,
            "low": self.low,
            "high": self.high,
            "p_holm": self.p_values,
            "method": _methods(self.is_paired, self.errors),
            "p_mcnemar": self.p_mcnemar,
            "different": [[None if np.isnan(p) else bool(p < _LEVEL) for p in row] for row in self.p_values],
            "notes": list(self.notes),
        }


def compare_to_baseline(
    matrix: BenchmarkMatrix, scaled: ScaledScores, baseline: str, items: MatrixItems | None = None
) -> BaselineComparison:
    """Returns the difference of every cell to the baseline row's cell of its column.

    Cells whose runs all have their scores by item, as the baseline's have, are compared item by item. Elsewhere the
    variance of a difference is the sum of both item variances and, where some trial of the column has several runs,
    of the pooled run-to-run variance over each cell's runs; the interval is Student's with Welch-Satterthwaite degrees
    of freedom.

    Args:
        matrix: The scores.
        scaled: The same on the scale of the differences.
        baseline: Key or name of a row.
        items: Scores by item, as `read_items` gives them.

    Raises:
        FilterError: no row has that key, or several have that name.
    """
    at = matrix.row_index(baseline)
    if at is None:
        names = ", ".join(row.name for row in matrix.rows[:10]) or "none yet"
        raise FilterError(f"There is no single row called '{baseline}' to compare with; there are: {names}.")
    orientation = np.sign(scaled.units) * matrix.signs
    differences = (scaled.values - scaled.values[at]) * orientation
    seed_part = _seed_variance(matrix, at) / scaled.units**2
    variance = scaled.errors**2 + scaled.errors[at] ** 2 + seed_part
    with np.errstate(divide="ignore", invalid="ignore"):
        dofs = np.array([column.seed_dof for column in matrix.columns], dtype=float)
        dof = np.where(seed_part > 0, dofs * variance**2 / seed_part**2, np.inf)
    paired = _pair(matrix, at, items or {})
    variance = np.where(paired.is_paired, paired.variances / scaled.units**2, variance)
    dof = np.where(paired.is_paired, paired.dofs, dof)
    errors = np.sqrt(variance)
    errors[at] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        # The same answers throughout, on a scale without bounds: no difference, and no error either.
        z = np.where((differences == 0) & (errors == 0), 0.0, differences / errors)
        p_values = 2 * stats.t.sf(np.abs(z), dof)
        reach = stats.t.ppf(0.975, dof) * errors
    return BaselineComparison(
        key=matrix.rows[at].key,
        name=matrix.rows[at].name,
        differences=differences,
        errors=errors,
        z=z,
        low=differences - reach,
        high=differences + reach,
        p_values=holm(np.asarray(p_values, dtype=float)),
        is_paired=paired.is_paired,
        p_mcnemar=paired.p_mcnemar,
        notes=_notes(matrix, paired.is_paired, ~np.isnan(errors)),
    )


def _seed_variance(matrix: BenchmarkMatrix, at: int) -> Floats:
    pooled = np.array([0.0 if column.seed_sd is None else column.seed_sd**2 for column in matrix.columns], dtype=float)
    n_runs = np.where(matrix.n_runs > 0, matrix.n_runs, np.nan)
    return np.asarray(pooled / n_runs + pooled / n_runs[at], dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class _Paired:
    """Of the cells that were compared item by item: variance and its degrees of freedom, in the unit of the scores."""

    is_paired: Flags
    variances: Floats
    dofs: Floats
    p_mcnemar: Floats


def _pair(matrix: BenchmarkMatrix, at: int, items: MatrixItems) -> _Paired:
    shape = matrix.scores.shape
    found = _Paired(np.zeros(shape, dtype=bool), *(np.full(shape, np.nan) for _ in range(3)))
    for position, column_items in items.items():
        _pair_column(found, matrix, at, position, column_items)
    return found


def _pair_column(found: _Paired, matrix: BenchmarkMatrix, at: int, position: int, items: ColumnItems) -> None:
    column = matrix.columns[position]
    own = [items.of_runs(_measured_runs(matrix, row, position)) for row in range(len(matrix.rows))]
    base_RI = own[at]
    rows = [row for row, scores in enumerate(own) if scores is not None and row != at]
    if base_RI is None or not rows:
        return
    weights = np.array([1 / matrix.n_runs[row, position] + 1 / len(base_RI) for row in rows])
    means = np.stack([scores.mean(axis=0) for scores in own[:at] + own[at + 1 :] if scores is not None])
    differences = column.sign * (means - base_RI.mean(axis=0))
    noise = RunNoise((column.seed_sd or 0.0) ** 2, column.seed_dof, items.noise.residual)
    errors = paired_errors(differences, weights, column.scale, noise)
    found.is_paired[rows, position] = True
    found.variances[rows, position] = errors.variances
    found.dofs[rows, position] = errors.dofs
    found.p_mcnemar[rows, position] = errors.p_mcnemar


def _measured_runs(matrix: BenchmarkMatrix, row: int, position: int) -> tuple[str, ...]:
    """Returns the runs behind a cell; nothing where only some of the row's runs are, which items cannot tell."""
    run_ids = matrix.rows[row].run_ids
    return run_ids if matrix.n_runs[row, position] == len(run_ids) else ()


def _methods(is_paired: Flags, errors: Floats) -> list[list[str | None]]:
    return [
        [None if np.isnan(error) else "paired" if paired else "unpaired" for paired, error in zip(*pair, strict=True)]
        for pair in zip(is_paired, errors, strict=True)
    ]


def _notes(matrix: BenchmarkMatrix, is_paired: Flags, is_known: Flags) -> tuple[str, ...]:
    return (_item_note(matrix, int(is_paired.sum()), int(is_known.sum())), _run_note(matrix))


def _item_note(matrix: BenchmarkMatrix, n_paired: int, n_known: int) -> str:
    if n_paired and n_paired >= n_known:
        return "Differences are between answers to the same items, item by item (paired)."
    if n_paired:
        return (
            f"{n_paired} of {n_known} differences are between answers to the same items, item by item (paired); the "
            "others are unpaired, for want of scores by item: too large an error rather than too small."
        )
    n_columns = len(matrix.columns)
    n_same = sum(column.items_digest is not None for column in matrix.columns)
    same = (
        "Rows answered the same items"
        if n_same == n_columns
        else f"Rows answered the same items in {n_same} of {n_columns} columns"
    )
    return (
        f"{same}, but their scores by item are not stored, so errors are unpaired: too large rather than too small."
        if n_same
        else "Whether rows answered the same items is not recorded; if they did, the unpaired errors are too large "
        "rather than too small."
    )


def _run_note(matrix: BenchmarkMatrix) -> str:
    n_columns = len(matrix.columns)
    n_seeds = sum(column.seed_sd is not None for column in matrix.columns)
    return (
        f"Run-to-run noise is in the errors of {n_seeds} of {n_columns} columns, pooled over trials with several runs."
        if n_seeds
        else "No trial has several runs, so run-to-run noise is unknown and not in the errors: a difference is one "
        "between these runs, not yet one between their settings."
    )
