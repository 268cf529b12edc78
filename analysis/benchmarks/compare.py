"""Every cell against the same benchmark in a baseline row: how much better, and is that more than noise?

Source: E. Miller 2024, arXiv 2411.00640 (unpaired and paired errors); B. L. Welch 1947, Biometrika 34:28 and
F. E. Satterthwaite 1946 (degrees of freedom of a sum of variances).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from analysis.benchmarks.errors import holm
from analysis.benchmarks.normalise import ScaledScores
from analysis.benchmarks.types import BenchmarkMatrix, Floats
from analysis.errors import FilterError

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
    notes: tuple[str, ...]

    @property
    def is_different(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
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
            "different": [[None if np.isnan(p) else bool(p < _LEVEL) for p in row] for row in self.p_values],
            "notes": list(self.notes),
        }


def compare_to_baseline(matrix: BenchmarkMatrix, scaled: ScaledScores, baseline: str) -> BaselineComparison:
    """Returns the difference of every cell to the baseline row's cell of its column.

    The variance of a difference is the sum of both item variances and, where some trial of the column has several runs,
    of the pooled run-to-run variance over each cell's runs; the interval is Student's with Welch-Satterthwaite degrees
    of freedom.

    Args:
        matrix: The scores.
        scaled: The same on the scale of the differences.
        baseline: Key or name of a row.

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
    errors = np.sqrt(variance)
    errors[at] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        dofs = np.array([column.seed_dof for column in matrix.columns], dtype=float)
        dof = np.where(seed_part > 0, dofs * variance**2 / seed_part**2, np.inf)
        z = differences / errors
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
        notes=_notes(matrix),
    )


def _seed_variance(matrix: BenchmarkMatrix, at: int) -> Floats:
    pooled = np.array([0.0 if column.seed_sd is None else column.seed_sd**2 for column in matrix.columns], dtype=float)
    n_runs = np.where(matrix.n_runs > 0, matrix.n_runs, np.nan)
    return np.asarray(pooled / n_runs + pooled / n_runs[at], dtype=float)


def _notes(matrix: BenchmarkMatrix) -> tuple[str, ...]:
    n_columns = len(matrix.columns)
    n_same = sum(column.items_digest is not None for column in matrix.columns)
    n_seeds = sum(column.seed_sd is not None for column in matrix.columns)
    same = (
        "Rows answered the same items"
        if n_same == n_columns
        else f"Rows answered the same items in {n_same} of {n_columns} columns"
    )
    items = (
        f"{same}, but answers per item are not stored, so errors are unpaired: too large rather than too small."
        if n_same
        else "Whether rows answered the same items is not recorded; if they did, the unpaired errors are too large "
        "rather than too small."
    )
    runs = (
        f"Run-to-run noise is in the errors of {n_seeds} of {n_columns} columns, pooled over trials with several runs."
        if n_seeds
        else "No trial has several runs, so run-to-run noise is unknown and not in the errors: a difference is one "
        "between these runs, not yet one between their settings."
    )
    return (items, runs)
