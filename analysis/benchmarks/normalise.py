"""Scores of different benchmarks on one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.benchmarks.types import BenchmarkMatrix, Floats, Normalisation


@dataclass(frozen=True, slots=True, eq=False)
class ScaledScores:
    """Scores and their item errors on a common scale, shape (n_rows, n_columns); higher is better unless as reported.

    Attributes:
        values: NaN where missing, and in columns that cannot be put on the scale.
        errors: Standard errors in the same unit; NaN where unknown.
        units: What one unit of `values` is in the unit of the scores, shape (n_columns,); negative where flipped.
    """

    values: Floats
    errors: Floats
    units: Floats


def scale_scores(matrix: BenchmarkMatrix, normalise: Normalisation | None) -> ScaledScores:
    """Returns the scores of a matrix on the scale that is asked for.

    - None: as reported.
    - `chance`: (score - chance) / (perfect - chance): 0 is guessing, 1 is perfect. Where the chance level is unknown,
      0 is nothing right. Columns without a perfect score stay out.
    - `z`: (score - mean) / sd over the rows present (ddof 0), turned so that higher is better. It depends on which rows
      are there. Columns in which all rows are equal stay out.
    """
    if normalise is None:
        centres, units = np.zeros(len(matrix.columns)), np.ones(len(matrix.columns))
    elif normalise == "chance":
        centres, units = _chance_scale(matrix)
    else:
        centres, units = _z_scale(matrix)
    return ScaledScores((matrix.scores - centres) / units, matrix.stderr / np.abs(units), units)


def _chance_scale(matrix: BenchmarkMatrix) -> tuple[Floats, Floats]:
    floors = np.array([np.nan if c.floor is None else c.floor for c in matrix.columns], dtype=float)
    bests = np.array([np.nan if c.best is None else c.best for c in matrix.columns], dtype=float)
    units = bests - floors
    return floors, np.where(units == 0, np.nan, units)


def _z_scale(matrix: BenchmarkMatrix) -> tuple[Floats, Floats]:
    present = ~matrix.missing
    n = np.maximum(present.sum(axis=0), 1)
    means = np.where(present, matrix.scores, 0.0).sum(axis=0) / n
    sds = np.sqrt((np.where(present, matrix.scores - means, 0.0) ** 2).sum(axis=0) / n)
    # Equal scores differ by rounding of their mean at most.
    return means, matrix.signs * np.where(sds > 1e-12 * np.maximum(np.abs(means), 1e-300), sds, np.nan)
