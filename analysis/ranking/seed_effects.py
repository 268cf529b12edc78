"""The part of a run's value that comes with its seed, where configurations share seeds.

Two-way additive model fitted by least squares; with the same seeds everywhere it is the randomised block design
(R. A. Fisher 1935, The Design of Experiments, chapter 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

_UNKNOWN: Final = -1
# Nobody plans more seeds than this; so many different ones are a clock's or a counter's (our choice).
_MOST_SEEDS: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """Runs as arrays of equal length: value, configuration and seed, the latter two as positions (seed -1: unknown)."""

    values: Floats
    configurations: Integers
    seeds: Integers
    n_configurations: int

    @classmethod
    def of(cls, losses: Sequence[Sequence[float]], seeds: Sequence[Sequence[Hashable]]) -> RunTable:
        """Returns the runs of every configuration, one after the other."""
        flat = [seed for own in seeds for seed in own]
        known = {seed: index for index, seed in enumerate(dict.fromkeys(seed for seed in flat if seed is not None))}
        return cls(
            _rounded(np.array([value for own in losses for value in own], dtype=np.float64)),
            np.repeat(np.arange(len(losses)), [len(own) for own in losses]),
            np.array([known.get(seed, _UNKNOWN) for seed in flat], dtype=np.intp),
            len(losses),
        )

    @property
    def counts(self) -> Integers:
        """Runs of each configuration."""
        return np.bincount(self.configurations, minlength=self.n_configurations)

    @property
    def means(self) -> Floats:
        """Mean value of each configuration."""
        sums: Floats = np.bincount(self.configurations, self.values, self.n_configurations).astype(np.float64)
        return sums / self.counts

    @property
    def n_seeds(self) -> int:
        """Different known seeds."""
        return int(self.seeds.max(initial=_UNKNOWN)) + 1


@dataclass(frozen=True, slots=True, eq=False)
class SeedEffects:
    """Fitted effects of the seeds.

    Attributes:
        effects: What each seed adds; their mean over all runs is zero.
        shifts: What the effects' uncertainty does to each configuration's mean, per unit normal draw and unit standard
            deviation of a run; shape (n_configurations, k). Equal rows (the same seeds everywhere) move all alike.
        dof_used: Degrees of freedom that each configuration has paid for the fit.
    """

    effects: Floats
    shifts: Floats
    dof_used: Floats

    def remove(self, runs: RunTable) -> RunTable:
        """Returns the runs with values as an average seed would have given them."""
        return replace(runs, values=_rounded(runs.values - self.effects[runs.seeds], like=runs.values))


def fit_seed_effects(runs: RunTable, better: Integers) -> SeedEffects | None:
    """Returns the effects of shared seeds; None where they cannot be told from the configurations or from noise.

    That is where a seed is unknown or twice in one configuration, where a configuration has no seed in common with the
    others, or where nothing is left to estimate the noise from.

    Args:
        runs: Every run.
        better: Positions of the configurations that the effects are fitted to.
    """
    if not _are_shared(runs):
        return None
    present = np.zeros((runs.n_configurations, runs.n_seeds))
    present[runs.configurations, runs.seeds] = 1.0
    values = np.zeros_like(present)
    values[runs.configurations, runs.seeds] = runs.values
    own = present[better]
    counts = own.sum(axis=1, keepdims=True)
    weights = own / counts
    information = np.diag(own.sum(axis=0)) - own.T @ weights
    precisions, axes = np.linalg.eigh(information)
    # Without a level, which the configurations' means have, one direction of the effects is always unknown.
    is_known = precisions > 1e-9 * len(better)
    n_free = own.sum() - len(better) - runs.n_seeds + 1
    if n_free <= 0 or is_known.sum() < runs.n_seeds - 1:
        return None
    root = axes[:, is_known] / np.sqrt(precisions[is_known])
    inverse = root @ root.T
    centered = (values[better] - (values[better].sum(axis=1, keepdims=True) / counts)) * own
    effects = inverse @ centered.sum(axis=0)
    effects -= effects[runs.seeds].mean()
    shares = present / present.sum(axis=1, keepdims=True)
    leverage = np.einsum("cs,st,ct->c", shares, inverse, shares)
    own_leverage = present @ np.diag(inverse) - present.sum(axis=1) * leverage
    shifts = shares @ root
    return SeedEffects(effects, shifts - shifts.mean(axis=0), own_leverage)


def _rounded(values: Floats, like: Floats | None = None) -> Floats:
    """Returns values to 40 bits of themselves or of `like`: what is left of equal ones is then equal, not almost."""
    _, exponents = np.frexp(values if like is None else like)
    rounded: Floats = np.ldexp(np.round(np.ldexp(values, 40 - exponents)), exponents - 40)
    return rounded


def _are_shared(runs: RunTable) -> bool:
    if not 2 <= runs.n_seeds <= _MOST_SEEDS or runs.n_configurations < 2 or (runs.seeds == _UNKNOWN).any():
        return False
    pairs = runs.configurations * runs.n_seeds + runs.seeds
    return len(np.unique(pairs)) == len(pairs)
