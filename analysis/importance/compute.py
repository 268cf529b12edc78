"""Which hyperparameters matter, one comparable group at a time.

A trial counts once, with the mean over its seeds. Losses enter as ranks by default, so that a few trials that blew up
do not decide everything, and a diverged trial, which has no value, can count as what it is: worse than every other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from analysis.importance.axes import Axis, Columns, choose_axes
from analysis.importance.estimate import Estimate, estimate_shares
from analysis.importance.forest import Floats, Pair
from analysis.importance.noise import noise_share
from analysis.importance.texts import importance_summary, importance_warnings, why_no_ranking
from analysis.importance.types import (
    GroupImportance,
    Importances,
    Interval,
    KeyImportance,
    PairImportance,
    Scale,
    Scope,
)
from analysis.runs.configuration import read_configurations
from analysis.runs.direction import Direction
from analysis.runs.groups import RunGroup, split_comparable
from analysis.runs.trials import Trial, read_trials, trial_keys_of
from analysis.runs.values import read_run_values

__all__ = ["Importances", "compute_importance"]

_MOST_ALL_PAIRS: Final = 4
"""Up to this many hyperparameters every pair is looked at, beyond them those with the first (the learning rate)."""
_TOP: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Question:
    metric: str
    direction: Direction
    keys: tuple[str, ...] | None
    scope: Scope
    scale: Scale
    seed: int


def compute_importance(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    keys: Sequence[str] | None = None,
    scope: Scope = "all",
    scale: Scale = "rank",
    seed: int = 0,
    only: str | None = None,
) -> Importances:
    """Returns what share of the variance between trials each hyperparameter explains.

    Needs columns: as `compute_lr_curves`, and `trial_key` (without one a run is a trial of its own).

    Args:
        results: As `Snapshot.results(metric)` gives it, one row per run.
        metric: Name of the metric in `value`, for texts.
        direction: `min` where lower is better, `max` where higher is.
        keys: Hyperparameters to look at; None takes all that vary and were not measured.
        scope: `all` trials, or the `top` half: what still matters once the bad ranges are left.
        scale: `rank`, or `value` with diverged trials clipped to the worst finite one.
        seed: Of forests and resamples; the same seed gives the same numbers.
        only: Label of the one comparable group to look at; None takes all.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `keys` names an unknown key.
    """
    runs = read_run_values(results)
    columns = read_configurations(results)
    trial_keys = trial_keys_of(results)
    sign = 1.0 if direction == "min" else -1.0
    question = _Question(metric, direction, None if keys is None else tuple(keys), scope, scale, seed)
    counted = [row for row, run in enumerate(runs) if run.role in ("value", "diverged")]
    groups = [
        _group_importance(group, read_trials(runs, trial_keys, group.rows, sign), columns, question)
        for group in split_comparable(columns, counted)
        if only in (None, group.label)
    ]
    return Importances(metric=metric, direction=direction, scope=scope, scale=scale, groups=tuple(groups))


def _group_importance(
    group: RunGroup, trials: Sequence[Trial], columns: Columns, question: _Question
) -> GroupImportance:
    n_diverged = sum(trial.n_diverged > 0 for trial in trials)
    if question.scope == "top":
        trials = _best_half(trials)
    chosen = choose_axes(columns, [trial.rows for trial in trials], question.keys)
    axes = chosen.axes
    losses = to_scale([trial.mean for trial in trials], question.scale)
    pairs = _pairs(len(axes))
    reason = why_no_ranking(trials, axes)
    estimate = None if reason else estimate_shares(axes, losses, pairs, question.seed)
    if not reason and estimate is None:
        reason = why_no_ranking(trials, axes, is_constant=bool(np.ptp(losses) == 0))
    importances = _sorted_importances(axes, estimate)
    joint = _sorted_pairs(axes, pairs, estimate)
    unexplained = None if estimate is None else float(np.clip(1 - estimate.main.sum(), 0.0, 1.0))
    noise = None if estimate is None else noise_share(trials, question.scale, losses, question.seed)
    found = GroupImportance(
        group=group.group,
        label=group.label,
        n_trials=len(trials),
        n_diverged=n_diverged if question.scope == "all" else 0,
        method="none" if estimate is None else estimate.method,
        importances=importances,
        pairs=joint,
        unexplained=unexplained,
        noise_share=noise,
        interval_method=reason if estimate is None else estimate.interval_method,
        summary=reason if estimate is None else importance_summary(importances, joint, unexplained or 0.0, noise),
        warnings=(),
    )
    return importance_warnings(found, chosen.left_out, question.scope)


def to_scale(means: Sequence[float], scale: Scale) -> Floats:
    """Returns losses as ranks (equal ones share theirs, infinite ones the last) or clipped to the worst finite one."""
    values = np.asarray(means, dtype=float)
    if scale == "rank":
        return np.asarray(stats.rankdata(values), dtype=float)
    finite = values[np.isfinite(values)]
    return np.minimum(values, finite.max()) if finite.size else np.zeros(len(values))


def _best_half(trials: Sequence[Trial]) -> list[Trial]:
    finite = sorted((trial for trial in trials if math.isfinite(trial.mean)), key=lambda trial: (trial.mean, trial.key))
    best = {trial.key for trial in finite[: math.ceil(_TOP * len(trials))]}
    return [trial for trial in trials if trial.key in best]


def _pairs(n_axes: int) -> list[Pair]:
    every = list(combinations(range(n_axes), 2))
    return every if n_axes <= _MOST_ALL_PAIRS else [pair for pair in every if pair[0] == 0]


def _sorted_importances(axes: Sequence[Axis], estimate: Estimate | None) -> tuple[KeyImportance, ...]:
    if estimate is None:
        return ()
    found = [
        KeyImportance(
            key=axis.key,
            tied=axis.tied,
            main=float(estimate.main[index]),
            interval=_at(estimate.main_intervals, index),
            ped=None if estimate.ped is None else float(estimate.ped[index]),
            ped_interval=_at(estimate.ped_intervals, index),
            n_values=axis.n_values,
        )
        for index, axis in enumerate(axes)
    ]
    return tuple(sorted(found, key=lambda item: (-item.main, item.key)))


def _sorted_pairs(axes: Sequence[Axis], pairs: Sequence[Pair], estimate: Estimate | None) -> tuple[PairImportance, ...]:
    if estimate is None:
        return ()
    found = [
        PairImportance(
            keys=(axes[one].key, axes[other].key),
            share=float(estimate.pairs[index]),
            interval=_at(estimate.pair_intervals, index),
        )
        for index, (one, other) in enumerate(pairs)
    ]
    return tuple(sorted(found, key=lambda pair: (-pair.share, pair.keys)))


def _at(intervals: Sequence[Interval] | None, index: int) -> Interval | None:
    return None if intervals is None else intervals[index]
