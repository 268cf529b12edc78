"""Exact fANOVA where every combination of the tried values was run: marginal means of the table itself, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.importance.forest import Floats, Pair, Shares


@dataclass(frozen=True, slots=True)
class Grid:
    """A full factorial table: one axis per hyperparameter, one loss per combination; needs two axes or more."""

    losses: Floats


def as_grid(codes: Floats, n_values: Sequence[int], losses: Floats) -> Grid | None:
    """Returns the trials as a full grid, or None where a combination is missing or was run as two trials.

    Args:
        codes: Indices of the levels, shape (n_trials, n_axes).
        n_values: Levels of each axis.
        losses: Shape (n_trials,).
    """
    shape = tuple(n_values)
    if len(shape) < 2 or len(losses) != np.prod(shape):
        return None
    cells = tuple(codes.astype(int).T)
    table = np.full(shape, np.nan)
    table[cells] = losses
    return None if np.isnan(table).any() else Grid(table)


def grid_shares(grid: Grid, pairs: Sequence[Pair]) -> Shares | None:
    """Returns the exact shares, each level with the same weight; None where all losses are equal."""
    total = float(np.var(grid.losses))
    # Losses that differ by rounding only do not vary.
    if total <= (1e-12 * float(np.max(np.abs(grid.losses)))) ** 2:
        return None
    main = np.array([np.var(_marginal(grid, (axis,))) for axis in range(grid.losses.ndim)])
    joint = [float(np.var(_marginal(grid, pair))) - main[pair[0]] - main[pair[1]] for pair in pairs]
    return Shares(main / total, np.maximum(np.array(joint), 0.0) / total)


def grid_resamples(grid: Grid, pairs: Sequence[Pair], *, n: int, seed: int) -> list[Shares]:
    """Returns shares of n tables made of the low-order fit and drawn noise; none where the fit leaves nothing over.

    The fit has the main effects, and from three axes on every pair: what is left over counts as noise, as is usual for
    factorial tables without repeats (Montgomery, "Design and analysis of experiments", unreplicated factorials). The
    noise is normal, its variance drawn anew for each table (scaled inverse chi-square): a few residuals know it badly.
    """
    fit = _low_order_fit(grid)
    shape = grid.losses.shape
    dof = int(np.prod([levels - 1 for levels in shape])) if len(shape) == 2 else _high_order_dof(shape)
    if dof < 1:
        return []
    squares = float(np.sum((grid.losses - fit) ** 2))
    generator = np.random.default_rng(seed)
    sds = np.sqrt(squares / generator.chisquare(dof, n))
    tables = (Grid(fit + generator.normal(0.0, sd, shape)) for sd in sds)
    return [shares for table in tables if (shares := grid_shares(table, pairs)) is not None]


def _marginal(grid: Grid, axes: Sequence[int]) -> Floats:
    rest = tuple(axis for axis in range(grid.losses.ndim) if axis not in axes)
    return np.asarray(grid.losses.mean(axis=rest, keepdims=True))


def _low_order_fit(grid: Grid) -> Floats:
    """Sum of the effects that are fitted, each a marginal mean without the effects inside it."""
    mean = grid.losses.mean()
    effects: dict[tuple[int, ...], Floats] = {
        (axis,): _marginal(grid, (axis,)) - mean for axis in range(grid.losses.ndim)
    }
    if grid.losses.ndim > 2:
        for one, other in combinations(range(grid.losses.ndim), 2):
            effects[one, other] = _marginal(grid, (one, other)) - mean - effects[one,] - effects[other,]
    return np.asarray(mean + sum(np.broadcast_to(effect, grid.losses.shape) for effect in effects.values()))


def _high_order_dof(shape: Sequence[int]) -> int:
    """Degrees of freedom of everything above the pairs."""
    free = [levels - 1 for levels in shape]
    pairs = sum(one * other for one, other in combinations(free, 2))
    return int(np.prod(shape)) - 1 - sum(free) - pairs
