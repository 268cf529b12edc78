"""Does the loss predict the benchmark? Rank correlation over all rows and inside comparable groups."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.benchmarks.correlation_types import GroupTau, LossCorrelation, LossCorrelations
from analysis.benchmarks.disagreements import LossNoise, find_disagreements
from analysis.benchmarks.kendall import FEWEST, Labels, Tau, estimate_tau, estimate_tau_within, tau_b
from analysis.benchmarks.rows import trial_of_runs
from analysis.benchmarks.types import BenchmarkColumn, BenchmarkMatrix, Floats
from analysis.errors import FilterError
from analysis.runs.configuration import COMPARABLE, GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import group_label

_BUDGET: Final = ("max_steps", "token_budget", "epochs")
# From the strictest to the loosest; the first that leaves groups worth looking into counts.
_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    COMPARABLE,
    tuple(key for key in COMPARABLE if key not in _BUDGET),
    tuple(key for key in COMPARABLE if key not in (*_BUDGET, "model")),
    ("tokenizer_id", "eval_set_id"),
)
CONFLICT: Final = 0.15
"""Pooled and within correlation that differ by more tell two stories (our choice)."""
_TOP_SHARE: Final = 0.25
_PENDING: Final = frozenset({"queued", "running"})
_HIGHEST_VALUE: Final = 1e100


def correlate_with_loss(
    matrix: BenchmarkMatrix,
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    within: Sequence[str] | None = None,
) -> LossCorrelations:
    """Returns the rank correlation of a loss with every column of a matrix.

    Needs columns: as `Snapshot.results(metric)`, one row per run. Runs still queued or running, and values that are not
    finite, count for nothing.

    Args:
        matrix: The scores.
        results: The loss of each run.
        metric: Its name, for texts.
        direction: Whether lower or higher values of it are better.
        within: Configuration keys that tell comparable groups apart; None takes those of model, tokenizer, data and
            budget that vary, leaving out budget, then model, as long as groups are too small.

    Raises:
        FilterError: `within` names an unknown key.
    """
    losses = _losses(matrix, results)
    configs = _row_configs(matrix, results)
    keys = _group_keys(configs, np.isfinite(losses), within)
    labels = tuple(group_label({key: configs[key][row] for key in keys}) for row in range(len(matrix.rows)))
    merit = losses if direction == "max" else -losses
    noise = _loss_noise(results)
    return LossCorrelations(
        metric=metric,
        direction=direction,
        group_keys=keys,
        losses=losses,
        labels=labels,
        columns=tuple(_correlate(matrix, position, merit, labels, noise) for position in range(len(matrix.columns))),
    )


def loss_of_runs(results: pd.DataFrame) -> dict[str, float]:
    """Returns run id -> its last value; runs that have not ended or have none that is finite are left out."""
    values = pd.to_numeric(results["value"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    ended = ~results["status"].isin(_PENDING).to_numpy(dtype=bool)
    usable = ended & (np.abs(values) <= _HIGHEST_VALUE)
    return {str(run): float(value) for run, value, ok in zip(results["run_id"], values, usable, strict=True) if ok}


def _loss_noise(results: pd.DataFrame) -> LossNoise:
    trials = trial_of_runs(results)
    members: dict[str, list[float]] = {}
    for run_id, loss in loss_of_runs(results).items():
        members.setdefault(trials[run_id], []).append(loss)
    replicated = [np.array(losses) for losses in members.values() if len(losses) > 1]
    dof = sum(len(losses) - 1 for losses in replicated)
    squares = math.fsum(float(((losses - losses.mean()) ** 2).sum()) for losses in replicated)
    return LossNoise(squares / dof if dof else 0.0, dof)


def _losses(matrix: BenchmarkMatrix, results: pd.DataFrame) -> Floats:
    loss_of = loss_of_runs(results)
    losses = [[loss_of[run] for run in row.run_ids if run in loss_of] for row in matrix.rows]
    return np.array([math.fsum(found) / len(found) if found else math.nan for found in losses], dtype=float)


def _row_configs(matrix: BenchmarkMatrix, results: pd.DataFrame) -> Mapping[str, list[GroupValue]]:
    position_of = {str(run): position for position, run in enumerate(results["run_id"])}
    columns = read_configurations(results)
    firsts = [position_of.get(row.run_ids[0]) for row in matrix.rows]
    return {key: [None if at is None else values[at] for at in firsts] for key, values in columns.items()}


def _group_keys(
    configs: Mapping[str, Sequence[GroupValue]],
    known: np.ndarray[tuple[int], np.dtype[np.bool_]],
    within: Sequence[str] | None,
) -> tuple[str, ...]:
    rows = [int(row) for row in np.flatnonzero(known)]
    if within is not None:
        unknown = [key for key in within if key not in configs]
        if unknown:
            raise FilterError(
                f"There is no configuration key '{unknown[0]}' to group by; there are: {', '.join(configs)}."
            )
        return tuple(within)
    for level in _LEVELS:
        keys = tuple(key for key in level if len({configs[key][row] for row in rows}) > 1)
        sizes = Counter(tuple(configs[key][row] for key in keys) for row in rows).values()
        if not keys or 2 * sum(size for size in sizes if size >= FEWEST) >= len(rows):
            return keys
    return ()


def _correlate(
    matrix: BenchmarkMatrix, position: int, merit: Floats, labels: Sequence[str], noise: LossNoise
) -> LossCorrelation:
    column = matrix.columns[position]
    scores = matrix.scores[:, position] * column.sign
    # By key, so that neither ties nor resampling depend on the order of the rows.
    order = sorted(range(len(matrix.rows)), key=lambda row: matrix.rows[row].key)
    rows = np.array([row for row in order if np.isfinite(merit[row]) and np.isfinite(scores[row])], dtype=np.int64)
    x, y = merit[rows], scores[rows]
    names = sorted({labels[row] for row in rows})
    groups = np.array([names.index(labels[row]) for row in rows], dtype=np.int64)
    tau = estimate_tau(x, y, groups if len(names) > 1 else None)
    within = estimate_tau_within(x, y, groups) if len(names) > 1 else _one_group(rows)
    n_top = math.ceil(_TOP_SHARE * len(rows))
    top = np.argsort(-x, kind="stable")[:n_top]
    top_tau = tau_b(x[top], y[top]) if n_top >= FEWEST else math.nan
    picked, best = (int(np.argmax(x)), int(np.argmax(y))) if len(rows) else (0, 0)
    return LossCorrelation(
        column=column.key,
        n=len(rows),
        tau=tau,
        within=within,
        groups=tuple(_group(name, x[groups == at], y[groups == at]) for at, name in enumerate(names) if len(names) > 1),
        top_tau=None if math.isnan(top_tau) else top_tau,
        n_top=n_top,
        regret=float(y[best] - y[picked]) if len(rows) > 1 else None,
        regret_stderr=_regret_error(matrix.stderr[rows, position], y, picked, best),
        picked=matrix.rows[rows[picked]].key if len(rows) else None,
        best=matrix.rows[rows[best]].key if len(rows) else None,
        conflict=_is_conflict(column, tau, within),
        disagreements=find_disagreements(matrix, position, merit, labels, noise),
    )


def _one_group(rows: Labels) -> Tau:
    reason = "all rows are in one comparable group" if len(rows) else "no row has both a loss and a score"
    return Tau(None, None, None, reason)


def _group(label: str, x: Floats, y: Floats) -> GroupTau:
    regret = float(y.max() - y[np.argmax(x)]) if len(x) > 1 else None
    return GroupTau(label=label, n=len(x), tau=estimate_tau(x, y), regret=regret)


def _regret_error(errors: Floats, scores: Floats, picked: int, best: int) -> float | None:
    if len(scores) < 2:
        return None
    if scores[picked] == scores[best]:
        return 0.0
    error = float(np.hypot(errors[picked], errors[best]))
    return None if math.isnan(error) else error


def _is_conflict(column: BenchmarkColumn, tau: Tau, within: Tau) -> bool:
    """Simpson's paradox, or close to it; noise around zero at chance is none."""
    if tau.value is None or within.value is None or column.at_chance:
        return False
    return abs(tau.value - within.value) > CONFLICT
