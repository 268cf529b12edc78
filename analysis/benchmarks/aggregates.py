"""Several benchmarks as one number, in four ways side by side, because they need not name the same winner.

Source: J. Demsar 2006, JMLR 7:1 (mean ranks); Bradley & Terry 1952. The mean win rate is (n - mean rank)/(n - 1), so
those two always agree. All rank methods discard margins and depend on which rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.benchmarks.bradley_terry import count_wins, fit_strengths, is_connected
from analysis.benchmarks.complete import CompleteBlock, find_complete_block
from analysis.benchmarks.errors import Z_95
from analysis.benchmarks.normalise import scale_scores
from analysis.benchmarks.types import BenchmarkMatrix, Floats

Method = Literal["mean", "mean_rank", "win_rate", "bradley_terry"]
Positions = NDArray[np.intp]

FEWEST_BENCHMARKS: Final = 8
"""Below this, resampling benchmarks says nothing about other benchmarks."""
MOST_COMPARED: Final = 1000
"""Bradley-Terry takes time with the cube of the rows; above this it is left out (our choice)."""
_N_RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate:
    """One way to sum up.

    Attributes:
        method: Its name; all are better when higher, except `mean_rank`.
        values: One per row of the matrix; NaN for rows that are left out.
        low: Lower end of a 95 % interval, NaN where there is none.
        high: Upper end.
        interval_method: What the interval covers, or why there is none.
        winners: Keys of the best rows; several when they are equal, none when there is no value.
        columns: Keys of the columns that it rests on.
        left_out: Keys of the rows without a value.
    """

    method: Method
    values: Floats
    low: Floats
    high: Floats
    interval_method: str
    winners: tuple[str, ...]
    columns: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def merit(self) -> Floats:
        """The values turned so that higher is better."""
        return -self.values if self.method == "mean_rank" else self.values

    def to_json(self) -> dict[str, object]:
        """Returns the aggregate under its documented JSON keys."""
        return {
            "values": self.values,
            "low": self.low,
            "high": self.high,
            "interval_method": self.interval_method,
            "winners": list(self.winners),
            "columns": list(self.columns),
            "left_out": list(self.left_out),
        }


def aggregate_scores(matrix: BenchmarkMatrix) -> tuple[Aggregate, ...]:
    """Returns mean, mean rank, win rate and Bradley-Terry strength of each row.

    Columns at chance for everybody are left out: they would only add noise, to rank methods as much as all others.
    The first three rest on the rows and columns without a gap, each on the columns that it can use; Bradley-Terry uses
    every pair of rows that share a column.
    """
    telling = np.array([position for position, each in enumerate(matrix.columns) if not each.at_chance], dtype=np.intp)
    row_keys = [row.key for row in matrix.rows]
    column_keys = [matrix.columns[position].key for position in telling]
    found = find_complete_block(matrix.missing[:, telling], row_keys, column_keys)
    block = CompleteBlock(found.rows, telling[found.columns])
    return (
        _mean(matrix, block),
        *_ranks(matrix, block),
        _bradley_terry(matrix, telling),
    )


def _mean(matrix: BenchmarkMatrix, block: CompleteBlock) -> Aggregate:
    scaled = scale_scores(matrix, "chance")
    bounded = np.array([column.scale is not None for column in matrix.columns], dtype=bool)
    columns = block.columns[bounded[block.columns]]
    at = np.ix_(block.rows, columns)
    values = scaled.values[at].mean(axis=1) if len(columns) else np.full(len(block.rows), np.nan)
    errors = np.sqrt((scaled.errors[at] ** 2).sum(axis=1)) / max(len(columns), 1)
    errors = np.where(len(columns) > 0, errors, np.nan)
    reason = "item error over these benchmarks, run-to-run noise not included"
    if np.isnan(errors).any():
        reason = (
            "none where a score has no known error" if len(columns) else "none: no column can be normalised for chance"
        )
    return _aggregate(
        matrix, "mean", block.rows, columns, values, (values - Z_95 * errors, values + Z_95 * errors), reason
    )


def _ranks(matrix: BenchmarkMatrix, block: CompleteBlock) -> tuple[Aggregate, Aggregate]:
    merit = (matrix.scores * matrix.signs)[np.ix_(block.rows, block.columns)]
    n_rows, n_columns = merit.shape
    ranks = stats.rankdata(-merit, axis=0) if n_rows and n_columns else np.full((n_rows, n_columns), np.nan)
    means = ranks.mean(axis=1) if n_columns else np.full(n_rows, np.nan)
    low, high, reason = _resample_columns(ranks)
    rank = _aggregate(matrix, "mean_rank", block.rows, block.columns, means, (low, high), reason)
    others = max(n_rows - 1, 1)
    values, bounds = (n_rows - means) / others, ((n_rows - high) / others, (n_rows - low) / others)
    if n_rows < 2:
        values = np.full(n_rows, np.nan)
        bounds = (values, values)
    win_rate = _aggregate(matrix, "win_rate", block.rows, block.columns, values, bounds, reason)
    return rank, win_rate


def _resample_columns(ranks: Floats) -> tuple[Floats, Floats, str]:
    """Returns the percentile bootstrap over columns of the mean rank; repeatable."""
    n_rows, n_columns = ranks.shape
    if n_columns < FEWEST_BENCHMARKS or n_rows < 2:
        few = f"none: {n_columns} benchmarks are too few to resample (it takes {FEWEST_BENCHMARKS})"
        unknown = np.full(n_rows, np.nan)
        return unknown, unknown, few if n_rows > 1 else "none: one row has nothing to be ranked against"
    generator = np.random.default_rng(0)
    weights = generator.multinomial(n_columns, np.full(n_columns, 1 / n_columns), size=_N_RESAMPLES) / n_columns
    # Quantiles of whole rows at once would need n_rows * _N_RESAMPLES numbers: 5,000 rows fit, more are never compared.
    low, high = np.quantile(weights @ ranks.T, [0.025, 0.975], axis=0)
    return low, high, "bootstrap over benchmarks: what other benchmarks like these would say"


def _bradley_terry(matrix: BenchmarkMatrix, columns: Positions) -> Aggregate:
    n_rows = len(matrix.rows)
    everything = np.arange(n_rows)
    unknown = np.full(n_rows, np.nan)
    reason = "none: benchmarks are few and not independent draws"
    if n_rows < 2:
        values, reason = unknown, "no value: one row has nothing to be compared with"
    elif n_rows > MOST_COMPARED:
        values, reason = unknown, f"no value: more than {MOST_COMPARED:,} rows take too long"
    else:
        wins = count_wins((matrix.scores * matrix.signs)[:, columns])
        connected = is_connected(wins)
        values = fit_strengths(wins) if connected else unknown
        reason = reason if connected else "no value: some rows share no benchmark, not even through others"
    return _aggregate(matrix, "bradley_terry", everything, columns, values, (unknown, unknown), reason)


def _aggregate(
    matrix: BenchmarkMatrix,
    method: Method,
    rows: Positions,
    columns: Positions,
    values: Floats,
    bounds: tuple[Floats, Floats],
    interval_method: str,
) -> Aggregate:
    spread = np.full((3, len(matrix.rows)), np.nan)
    spread[:, rows] = np.stack([values, *bounds])
    merit = -spread[0] if method == "mean_rank" else spread[0]
    known = ~np.isnan(merit)
    # Equal sums may differ in their last digits.
    is_best = known & (merit >= np.max(merit[known], initial=-np.inf) - 1e-12)
    return Aggregate(
        method=method,
        values=spread[0],
        low=spread[1],
        high=spread[2],
        interval_method=interval_method,
        winners=tuple(matrix.rows[position].key for position in np.flatnonzero(is_best)),
        columns=tuple(matrix.columns[position].key for position in columns),
        left_out=tuple(matrix.rows[position].key for position in np.flatnonzero(~known)),
    )
