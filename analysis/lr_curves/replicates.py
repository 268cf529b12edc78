"""What the seeds at the points of a window say about noise: how large it is, whether it grows, how to resample it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.lr_curves.forms import FloatArray

if TYPE_CHECKING:
    from analysis.lr_curves.types import LrPoint, Noise

MIN_SEEDS: Final = 3
"""Seeds at every point from which on they are resampled; two say too little."""
N_RESAMPLES: Final = 400
# A noise that grows is believed only where the trend of ln(variance) is significant at 5 %.
_TREND_Z: Final = 1.96
# Identical values say that less was written down than is known, not that there is no noise at all.
_LEAST_VARIANCE_SHARE: Final = 1e-3


@dataclass(frozen=True)
class Replicates:
    """The noise of the points of a window.

    Attributes:
        counts: Runs at each point, shape (n_points,).
        scale: Standard deviation at each point relative to the pooled one, same shape; ones without a trend.
        variance: Pooled variance of single runs (of scale 1); NaN without replicates.
        dof: Its degrees of freedom; 0 without replicates.
        residuals: Deviations of runs from the mean of their point, relative to `scale` and corrected for the means, so
            that their mean square is `variance`; shape (n_residuals,).
        is_paired: Whether every point has the same seeds, so that what a seed shifts everywhere was taken out.
    """

    counts: NDArray[np.intp]
    scale: FloatArray
    variance: float
    dof: int
    residuals: FloatArray
    is_paired: bool

    @property
    def weights(self) -> FloatArray:
        """Weight of each mean, n / scale^2."""
        return self.counts / self.scale**2

    @property
    def can_resample(self) -> bool:
        """Whether there are seeds enough to resample."""
        return bool(self.counts.min() >= MIN_SEEDS) and self.variance > 0


def read_replicates(points: Sequence[LrPoint], noise: Noise | None) -> Replicates:
    """Returns the noise of some points; where none of them is replicated, that of the curve's other points.

    Args:
        points: The points of the window, at least one.
        noise: Run-to-run noise around the best point, where known.
    """
    counts = np.array([point.n for point in points])
    deviations = [np.asarray(point.values) - np.mean(point.values) for point in points]
    dof = int(np.sum(counts - 1))
    if dof == 0:
        variance, dof = (noise.sd**2, noise.dof) if noise else (np.nan, 0)
        return Replicates(counts, np.ones(len(points)), variance, dof, np.zeros(0), is_paired=False)
    seeds = {tuple(sorted(map(str, point.seeds))) for point in points}
    is_paired = len(seeds) == 1 and len(set(points[0].seeds)) == counts[0] > 1 and len(points) > 1
    if is_paired:
        order = [np.argsort([str(seed) for seed in point.seeds], kind="stable") for point in points]
        table = np.stack([deviation[index] for deviation, index in zip(deviations, order, strict=True)])
        deviations = list(table - table.mean(axis=0))
        dof = (len(points) - 1) * int(counts[0] - 1)
    scale = _scale(np.log([point.learning_rate for point in points]), counts, deviations)
    relative = [deviation / at for deviation, at in zip(deviations, scale, strict=True)]
    variance = float(sum(np.sum(deviation**2) for deviation in relative)) / dof
    corrected = np.concatenate(
        [row * np.sqrt(n / (n - 1)) for row, n in zip(relative, counts, strict=True) if n > 1]
    ) * (np.sqrt(len(points) / (len(points) - 1)) if is_paired else 1.0)
    return Replicates(counts, scale, variance, dof, corrected, is_paired)


def resample_means(means: FloatArray, replicates: Replicates) -> FloatArray:
    """Returns means as other seeds would have given them, shape (n_points, N_RESAMPLES).

    Deviations of all points are pooled, because three seeds have only ten different resamples. They are widened by t
    over the normal quantile, so that percentiles of what follows cover although the variance is estimated. Source: T.
    Hesterberg 2015, "What Teachers Should Know About the Bootstrap" (both corrections); pooling is our choice.
    """
    n_runs = int(replicates.counts.sum())
    chosen = (_draws(n_runs) * len(replicates.residuals)).astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(replicates.counts)[:-1]])
    sums = np.add.reduceat(replicates.residuals[chosen], starts, axis=0)
    widening = float(special.stdtrit(replicates.dof, 0.975) / special.ndtri(0.975))
    return means[:, None] + sums * (widening * replicates.scale / replicates.counts)[:, None]


@lru_cache(maxsize=64)
def _draws(n_runs: int) -> FloatArray:
    """Uniform numbers that are the same in every process, so that an interval never changes by itself."""
    return np.random.default_rng(n_runs).random((n_runs, N_RESAMPLES))


def _scale(x: FloatArray, counts: NDArray[np.intp], deviations: Sequence[FloatArray]) -> FloatArray:
    """Returns the relative standard deviation at each point: a power of the learning rate where that is significant."""
    replicated = counts >= MIN_SEEDS
    if np.count_nonzero(replicated) < MIN_SEEDS:
        return np.ones(len(x))
    dof = counts - 1.0
    squares = np.array([np.sum(deviation**2) for deviation in deviations])
    pooled = float(squares.sum() / dof.sum())
    if pooled <= 0:
        return np.ones(len(x))
    logs = np.log(np.maximum(squares / np.maximum(dof, 1), _LEAST_VARIANCE_SHARE * pooled))
    # The logarithm of a chi-square over its degrees of freedom has variance trigamma(dof / 2).
    weight = np.where(replicated, 1 / special.polygamma(1, np.maximum(dof, 1) / 2), 0.0)
    center = float(np.sum(weight * x) / weight.sum())
    spread = float(np.sum(weight * (x - center) ** 2))
    slope = float(np.sum(weight * (x - center) * logs)) / spread
    if abs(slope) * np.sqrt(spread) < _TREND_Z:
        return np.ones(len(x))
    return np.asarray(np.exp(slope * (x - center) / 2), dtype=float)
