"""The points whose collapse is judged: means near the optimum of their batch size, above that batch size's minimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.scaling.types import CollapsePoint, OptimumPoint
from analysis.scaling.weighted_fit import FloatArray

# Near the optimum: within 5 % or five standard deviations of the best, and always the best with its neighbours. Farther
# out the curves of different batch sizes differ in more than their place (our choice).
_NEAR_SHARE: Final = 0.05
_NEAR_SDS: Final = 5.0
_NEIGHBOURS: Final = 1


@dataclass(frozen=True, slots=True)
class Cloud:
    """All points of one setting.

    Attributes:
        ln_lr: ln of the learning rates, shape (n_points,).
        ln_x: ln of the batch sizes, same shape.
        excess: Mean loss minus the fitted minimum of its batch size, same shape.
        variance: Variance of that difference; 1 / n where the noise is not known, same shape.
        batch: Index of the batch size, same shape.
        batch_sizes: The batch sizes, shape (n_batches,).
        noise_sd: Run-to-run standard deviation pooled over all settings, None where nothing says it.
        is_replicated: Whether it comes from replicates, not from what fits leave.
        drawn: Every point for the chart, those too far from the optimum included.
    """

    ln_lr: FloatArray
    ln_x: FloatArray
    excess: FloatArray
    variance: FloatArray
    batch: NDArray[np.int64]
    batch_sizes: tuple[float, ...]
    noise_sd: float | None
    is_replicated: bool
    drawn: tuple[CollapsePoint, ...]

    @property
    def n_batches(self) -> int:
        """Number of batch sizes."""
        return len(self.batch_sizes)


def read_clouds(points: Sequence[OptimumPoint], *, sign: float) -> list[Cloud]:
    """Returns one cloud per setting, in the order of the points; `sign` is -1 where higher values are better."""
    noise_sd, is_replicated = pool_noise(points)
    labels = list(dict.fromkeys(point.label for point in points))
    return [
        _make_cloud([point for point in points if point.label == label], sign, noise_sd, is_replicated)
        for label in labels
    ]


def pool_noise(points: Sequence[OptimumPoint]) -> tuple[float | None, bool]:
    """Returns the pooled run-to-run standard deviation and whether replicates gave it, else what the fits leave."""
    noises = [point.curve.noise for point in points]
    fits = [point.curve.fit for point in points]
    replicated = [(noise.sd, noise.dof) for noise in noises if noise is not None]
    left = [(fit.residual_sd, fit.dof) for fit in fits if fit is not None and fit.residual_sd is not None and fit.dof]
    pairs = replicated or left
    dof = sum(count for _, count in pairs)
    if dof == 0:
        return None, False
    sd = math.sqrt(sum(count * sd * sd for sd, count in pairs) / dof)
    return (sd or None), bool(replicated)


def _make_cloud(points: Sequence[OptimumPoint], sign: float, noise_sd: float | None, is_replicated: bool) -> Cloud:
    places = sorted({point.x for point in points})
    drawn = [one for point in points for one in _drawn(point, sign, noise_sd)]
    near = [point for point in drawn if point.is_near]
    # The minimum that is subtracted has an error of its own, which all points of a batch size share.
    errors = {point.x: (point.curve.fit.optimum_se if point.curve.fit else None) or 0.0 for point in points}
    offsets = {x: error**2 if noise_sd else 0.0 for x, error in errors.items()}
    return Cloud(
        ln_lr=np.log([point.learning_rate for point in near]),
        ln_x=np.log([point.x for point in near]),
        excess=np.array([point.excess for point in near]),
        variance=np.array([(noise_sd or 1.0) ** 2 / point.n + offsets[point.x] for point in near]),
        batch=np.array([places.index(point.x) for point in near]),
        batch_sizes=tuple(places),
        noise_sd=noise_sd,
        is_replicated=is_replicated,
        drawn=tuple(drawn),
    )


def _drawn(point: OptimumPoint, sign: float, noise_sd: float | None) -> list[CollapsePoint]:
    curve = point.curve
    usable = [one for one in curve.points if one.mean is not None and one.n_diverged == 0]
    losses = [sign * (one.mean or 0.0) for one in usable]
    lowest = sign * (curve.fit.optimum_value if curve.fit else point.best_value)
    best = losses.index(min(losses))
    limit = max(_NEAR_SHARE * abs(losses[best]), _NEAR_SDS * (noise_sd or 0.0))
    return [
        CollapsePoint(
            label=point.label,
            x=point.x,
            learning_rate=one.learning_rate,
            excess=loss - lowest,
            n=one.n,
            is_near=loss - losses[best] <= limit or abs(index - best) <= _NEIGHBOURS,
        )
        for index, (one, loss) in enumerate(zip(usable, losses, strict=True))
    ]
