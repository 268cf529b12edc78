"""Scores by item beside the cells of a matrix: which runs answered the very same questions, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.benchmarks.paired import PairedDifference, RunNoise, paired_difference, run_noise
from analysis.benchmarks.types import BenchmarkMatrix, Floats
from analysis.errors import FilterError

Fetch: TypeAlias = Callable[[Sequence[str], str], pa.Table]
"""Run ids and a benchmark -> rows of `eval_items`, as `Snapshot.eval_items` gives them."""

MOST_ITEMS: Final = 5_000_000
"""Scores of single items of one column that are read; more take seconds, and errors are then unpaired (our choice)."""
_AS_REPORTED: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ColumnItems:
    """What runs got on the items of one column.

    Attributes:
        scores: Run id -> its scores, shape (n_items,), the same items in the same order for all runs.
        noise: Between the runs of trials, pooled over the column.
    """

    scores: Mapping[str, Floats]
    noise: RunNoise

    def of_runs(self, run_ids: Sequence[str]) -> Floats | None:
        """Returns the scores of these runs, shape (n_runs, n_items); None unless every run has all items."""
        if not run_ids or any(run_id not in self.scores for run_id in run_ids):
            return None
        return np.stack([self.scores[run_id] for run_id in run_ids])


MatrixItems: TypeAlias = Mapping[int, ColumnItems]
"""Position of a column -> its items; columns without any are left out."""


def read_items(matrix: BenchmarkMatrix, fetch: Fetch, run_ids: Sequence[str] | None = None) -> dict[int, ColumnItems]:
    """Returns the items behind the scores of a matrix: of the same evaluation, and with the digest of the column.

    A run counts where it has every item of the column once they are put together, all finite, and where their mean is
    the score: a score that is no mean over items (a ratio of sums, say) cannot be compared item by item.

    Args:
        matrix: The scores.
        fetch: Reads items.
        run_ids: Only these runs; all of the matrix by default.
    """
    wanted = matrix.measurements
    wanted = wanted if run_ids is None else wanted[wanted["run_id"].isin(list(run_ids))]
    found: dict[int, ColumnItems] = {}
    for position, column in enumerate(matrix.columns):
        measured = wanted[wanted["column"] == position]
        if column.items_digest is None or len(measured) * (column.n_items or 1) > MOST_ITEMS:
            continue
        table = fetch([str(run_id) for run_id in measured["run_id"]], column.benchmark)
        same = pc.and_(pc.equal(table["metric"], column.metric), pc.equal(table["items_digest"], column.items_digest))
        scores = _scores(table.filter(same), measured)
        if scores:
            trials = measured["run_id"].astype(str).isin(list(scores))
            members = measured[trials].groupby("trial")["run_id"]
            stacks = [np.stack([scores[str(run_id)] for run_id in runs]) for _, runs in members]
            found[position] = ColumnItems(scores, run_noise(stacks))
    return found


def compare_on_items(
    items: pa.Table,
    first: Sequence[str],
    second: Sequence[str],
    *,
    benchmark: str,
    metric: str,
    higher_is_better: bool = True,
    scale: float | None = 1.0,
) -> PairedDifference:
    """Returns how much better the first runs do than the second on the same items of one benchmark.

    Args:
        items: Rows of `eval_items`, one evaluation per run.
        first: Runs of one configuration.
        second: Runs of the other.
        benchmark: Name of the benchmark.
        metric: Which of its metrics.
        higher_is_better: Direction of the metric.
        scale: Score of a perfect answer; None where scores have no bound.

    Raises:
        FilterError: a run has no items there, or the two sides answered different ones; says which.
    """
    is_asked = pc.and_(pc.equal(items["benchmark"], benchmark), pc.equal(items["metric"], metric))
    asked = items.filter(is_asked).to_pandas()
    sides = []
    digests: dict[str, list[str]] = {}
    for run_id in (*first, *second):
        own = asked[asked["run_id"] == run_id]
        if own.empty:
            raise FilterError(f"Run '{run_id}' has no scores by item on {benchmark} ({metric}); evaluate it again.")
        for digest in sorted(own["items_digest"].unique()):
            digests.setdefault(digest, []).append(run_id)
        sides.append(own.groupby("item_id")["score"].mean())
    if len(digests) > 1:
        ways = "; ".join(f"{digest}: {', '.join(runs)}" for digest, runs in digests.items())
        raise FilterError(
            f"These scores on {benchmark} are not compared, because the runs answered different items ({ways}); "
            "evaluate them on the same ones."
        )
    common = pd.concat(sides, axis=1, join="inner").to_numpy(dtype=float).T
    common = common[:, np.isfinite(common).all(axis=0)]
    if common.shape[1] < 2:
        raise FilterError(f"These runs share {common.shape[1]} answered items of {benchmark}; it takes two.")
    sign = 1.0 if higher_is_better else -1.0
    return paired_difference(common[: len(first)], common[len(first) :], sign=sign, scale=scale)


def _scores(table: pa.Table, measured: pd.DataFrame) -> dict[str, Floats]:
    """Returns the scores of runs that have all items of their evaluation, in the order of the item ids."""
    step_of = {str(run_id): step for run_id, step in zip(measured["run_id"], measured["step"], strict=True)}
    runs, run_at = _codes(table["run_id"])
    item_ids, item_at = _codes(table["item_id"])
    steps = np.array([step_of.get(run_id, -1) for run_id in runs], dtype=float)
    here = steps[run_at] == table["step"].to_numpy() if len(runs) else np.zeros(0, dtype=bool)
    at = (run_at * max(len(item_ids), 1) + item_at)[here]
    shape = (len(runs), len(item_ids))
    n_RI = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
    sums_RI = np.bincount(at, table["score"].to_numpy()[here], minlength=shape[0] * shape[1]).reshape(shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores_RI = (sums_RI / n_RI)[:, np.argsort(item_ids)]
    reported = dict(zip((str(run_id) for run_id in measured["run_id"]), measured["score"], strict=True))
    found = {}
    for run_id, scores_I in zip(runs, scores_RI, strict=True):
        is_whole = len(scores_I) > 1 and bool(np.isfinite(scores_I).all())
        if is_whole and np.isclose(scores_I.mean(), reported.get(run_id, np.nan), rtol=_AS_REPORTED, atol=_AS_REPORTED):
            found[run_id] = scores_I
    return found


def _codes(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Returns the different texts of a column, and which of them each row has."""
    encoded = (
        column.combine_chunks().dictionary_encode() if len(column) else pa.array([], pa.string()).dictionary_encode()
    )
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
