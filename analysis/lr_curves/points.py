"""From what runs contribute to the points of a curve: which learning rates are the same, and how large the noise is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from scipy import special

from analysis.lr_curves.replicates import read_replicates
from analysis.lr_curves.types import LrPoint, Noise
from analysis.runs.configuration import GroupValue
from analysis.runs.values import RunValue

# Learning rates that agree within 1 % are one: grids are written down rounded.
SAME_LR: Final = 1.01
# Points around the best one whose replicates say how large the noise is there; it grows towards divergence.
_NOISE_NEIGHBOURS: Final = 2


def make_points(runs: Iterable[RunValue], seeds: Iterable[GroupValue]) -> tuple[LrPoint, ...]:
    """Returns the points in ascending learning rate, those within 1 % merged; replicates become mean and spread.

    Args:
        runs: What each run contributes.
        seeds: Seed of each run.
    """
    entering = sorted(
        (pair for pair in zip(runs, seeds, strict=True) if pair[0].role in ("value", "diverged")),
        key=lambda pair: (pair[0].learning_rate, pair[0].run_id),
    )
    clusters: list[list[tuple[RunValue, GroupValue]]] = []
    for pair in entering:
        if clusters and pair[0].learning_rate <= clusters[-1][0][0].learning_rate * SAME_LR:
            clusters[-1].append(pair)
        else:
            clusters.append([pair])
    return tuple(_make_point(cluster) for cluster in clusters)


def usable_points(points: Sequence[LrPoint]) -> list[LrPoint]:
    """Returns the points that may be the minimum and may be fitted.

    A learning rate where some seeds diverged is none of them: the mean of the survivors is better than the truth. Only
    where no learning rate is free of divergence do the survivors have to do.
    """
    safe = [point for point in points if point.n > 0 and point.n_diverged == 0]
    return safe or [point for point in points if point.n > 0]


def estimate_noise(points: Sequence[LrPoint], best: int) -> Noise | None:
    """Returns the run-to-run noise at the best point, from the replicates nearest to it; None without replicates.

    What a seed shifts at every learning rate alike is no noise between learning rates and is taken out.

    Args:
        points: Usable points in ascending learning rate.
        best: Index of the best one.
    """
    near = points[max(best - _NOISE_NEIGHBOURS, 0) : best + _NOISE_NEIGHBOURS + 1]
    replicated = [point for point in near if point.n > 1] or [point for point in points if point.n > 1]
    if not replicated:
        return None
    replicates = read_replicates(replicated, None)
    scale = replicates.scale[replicated.index(points[best])] if points[best] in replicated else 1.0
    return Noise(sd=math.sqrt(replicates.variance) * float(scale), dof=replicates.dof)


def standard_error(noise: Noise, *counts: int) -> float:
    """Returns the standard error of a mean of n runs, or of the difference of two such means."""
    return noise.sd * math.sqrt(sum(1 / count for count in counts))


def noise_threshold(noise: Noise, *counts: int) -> float:
    """Returns the difference that noise alone exceeds in 5 % of cases (two-sided t); counts as `standard_error`."""
    return float(special.stdtrit(noise.dof, 0.975)) * standard_error(noise, *counts)


def _make_point(cluster: Sequence[tuple[RunValue, GroupValue]]) -> LrPoint:
    finite = [run for run, _ in cluster if run.role == "value"]
    diverged = [run for run, _ in cluster if run.role == "diverged"]
    values = tuple(run.value for run in finite)
    rates = Counter(run.learning_rate for run, _ in cluster)
    return LrPoint(
        learning_rate=max(rates, key=lambda rate: (rates[rate], -rate)),
        mean=math.fsum(values) / len(values) if values else None,
        sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        n=len(values),
        n_diverged=len(diverged),
        values=values,
        run_ids=tuple(run.run_id for run in finite),
        diverged_run_ids=tuple(run.run_id for run in diverged),
        seeds=tuple(seed for run, seed in cluster if run.role == "value"),
    )
