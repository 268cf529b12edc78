"""How much runs differ by chance, and what the seeds that configurations share have in common.

Losses throughout: lower is better. A run is `value = mean of its configuration + effect of its seed + noise`. Where
the configurations were trained with the same seeds, the effect of each seed is estimated and removed (common random
numbers); what stays is smaller, and differences become clearer. What each number means: docs/statistics/ranking.md.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.ranking.seed_effects import RunTable, SeedEffects, fit_seed_effects

Floats = NDArray[np.float64]

# Own seeds count as they are from this many on; below, the pooled variance stands in for what is missing (our choice).
OWN_ENOUGH: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """The configurations' means with their errors; arrays have one entry per configuration, in the order given.

    Attributes:
        runs: Every run, its value without the effect of its seed where seeds are shared.
        means: Means of those values; the plain means where nothing was removed or all ran the same seeds.
        ses: Standard errors of the means, without what shared seeds add to all.
        dofs: Degrees of freedom behind the standard errors.
        sd: Standard deviation between runs, pooled over the better half of the configurations.
        dof: Degrees of freedom behind it.
        shifts: What uncertain seed effects add to each mean, per unit normal draw; shape (n_configurations, k).
        is_paired: Whether the effect of shared seeds was removed.
    """

    runs: RunTable
    means: Floats
    ses: Floats
    dofs: Floats
    sd: float
    dof: float
    shifts: Floats
    is_paired: bool


def estimate_noise(losses: Sequence[Sequence[float]], seeds: Sequence[Sequence[Hashable]]) -> Noise | None:
    """Returns the means and their standard errors; None when no configuration of the better half has two runs.

    Variances come from the better half of the configurations: elsewhere the noise is another one (it grows towards
    divergence, and shrinks where little is learned). With fewer than five runs
    (or shared seeds) a configuration's own variance is shrunk towards the pooled one,
    s_c*^2 = (d0 s0^2 + d_c s_c^2) / (d0 + d_c), with d0 = 4 at most, and no more degrees of freedom than were pooled.

    Args:
        losses: Losses of the runs of each configuration, each with at least one.
        seeds: The seeds of those runs; None where unknown.
    """
    runs = RunTable.of(losses, seeds)
    better = _better_half(runs)
    effects = fit_seed_effects(runs, better)
    if effects is not None:
        runs = effects.remove(runs)
    squares, own_dof = _own_variances(runs, better, effects)
    dof = float(own_dof[better].sum())
    if dof <= 0:
        return None
    variance = float(squares[better].sum()) / dof
    is_short = (runs.counts < OWN_ENOUGH) | (effects is not None)
    borrowed = np.where(is_short, min(dof, OWN_ENOUGH - 1), 0.0)
    dofs = borrowed + own_dof
    ses = np.sqrt((borrowed * variance + squares) / dofs / runs.counts)
    dofs[better] = np.where(borrowed[better] > 0, np.minimum(dofs[better], dof), dofs[better])
    sd = float(np.sqrt(variance))
    shifts = np.zeros((runs.n_configurations, 0)) if effects is None else sd * effects.shifts
    return Noise(
        runs=runs,
        means=runs.means,
        ses=ses,
        dofs=dofs,
        sd=sd,
        dof=dof,
        shifts=shifts,
        is_paired=effects is not None,
    )


def _better_half(runs: RunTable) -> NDArray[np.intp]:
    """Returns the positions of the better half by mean, at least two."""
    order = np.argsort(runs.means, kind="stable")
    return np.sort(order[: max(2, (runs.n_configurations + 1) // 2)])


def _own_variances(runs: RunTable, better: NDArray[np.intp], effects: SeedEffects | None) -> tuple[Floats, Floats]:
    """Returns each configuration's sum of squared residuals, and the degrees of freedom that are left to it."""
    residuals = runs.values - runs.means[runs.configurations]
    squares: Floats = np.bincount(runs.configurations, residuals**2, runs.n_configurations).astype(np.float64)
    own_dof = runs.counts - 1.0
    if effects is not None:
        # The seed effects were fitted to the better half, so that each of them has paid for a part.
        own_dof[better] -= effects.dof_used[better]
    return squares, np.maximum(own_dof, 0.0)
