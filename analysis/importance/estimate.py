"""Shares with their intervals: exactly where the table is a full grid, else by a forest over resampled trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.importance.axes import Axis
from analysis.importance.factorial import Grid, as_grid, grid_resamples, grid_shares
from analysis.importance.forest import N_TREES, Floats, Pair, forest_shares
from analysis.importance.ped import PedAnova
from analysis.importance.types import Interval, Method

FEWEST_PER_KEY: Final = 10
"""Below ten trials per hyperparameter the intervals of a forest overlap everything."""
_GRID_RESAMPLES: Final = 400
# A forest over 600 trials takes 30 ms with this many trees: 20 resamples stay under three seconds with the rest.
_RESAMPLE_TREES: Final = 8
_RESAMPLED_TRIALS: Final = 12_000
_FEWEST_RESAMPLES: Final = 10
_MOST_RESAMPLES: Final = 30
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """Shares per axis and per pair, and their intervals where there are any; `ped` is None with too few trials."""

    method: Method
    interval_method: str
    main: Floats
    main_intervals: tuple[Interval, ...] | None
    pairs: Floats
    pair_intervals: tuple[Interval, ...] | None
    ped: Floats | None
    ped_intervals: tuple[Interval, ...] | None


def estimate_shares(axes: Sequence[Axis], losses: Floats, pairs: Sequence[Pair], seed: int) -> Estimate | None:
    """Returns the shares, or None where the losses do not vary or a forest has too few trials.

    Args:
        axes: Two or more hyperparameters over the trials.
        losses: Shape (n_trials,), on the scale whose variance is shared out.
        pairs: Which axes to look at together.
        seed: Of forests and resamples.
    """
    grid = _grid_of(axes, losses)
    if grid is not None:
        return _exact(grid, axes, losses, pairs, seed)
    return _forest(axes, losses, pairs, seed) if has_enough(axes, len(losses)) else None


def has_enough(axes: Sequence[Axis], n_trials: int) -> bool:
    """Whether a forest over so many trials can tell the hyperparameters apart."""
    return n_trials >= FEWEST_PER_KEY * len(axes)


def is_full_grid(axes: Sequence[Axis], n_trials: int) -> bool:
    """Whether every combination of the values was run as one trial."""
    return _grid_of(axes, np.zeros(n_trials)) is not None


def _grid_of(axes: Sequence[Axis], losses: Floats) -> Grid | None:
    if not axes or any(axis.kind not in ("levels", "names") for axis in axes):
        return None
    return as_grid(np.column_stack([axis.codes for axis in axes]), [axis.n_values for axis in axes], losses)


def _exact(grid: Grid, axes: Sequence[Axis], losses: Floats, pairs: Sequence[Pair], seed: int) -> Estimate | None:
    shares = grid_shares(grid, pairs)
    if shares is None:
        return None
    resamples = grid_resamples(grid, pairs, n=_GRID_RESAMPLES, seed=seed)
    method = (
        f"95 %, {len(resamples)} tables with new noise; what the low-order effects leave over counts as noise"
        if resamples
        else "no interval: the effects leave nothing over that could count as noise"
    )
    ped, ped_intervals = _ped(axes, losses, seed) if has_enough(axes, len(losses)) else (None, None)
    return Estimate(
        method="factorial",
        interval_method=method,
        main=shares.main,
        main_intervals=_quantiles([each.main for each in resamples], shares.main),
        pairs=shares.pairs,
        pair_intervals=_quantiles([each.pairs for each in resamples], shares.pairs),
        ped=ped,
        ped_intervals=ped_intervals,
    )


def _forest(axes: Sequence[Axis], losses: Floats, pairs: Sequence[Pair], seed: int) -> Estimate | None:
    codes = np.column_stack([axis.codes for axis in axes])
    bounds = np.array([[axis.low, axis.high] for axis in axes])
    shares = forest_shares(codes, losses, bounds, pairs, seed=seed, n_trees=N_TREES)
    if shares is None:
        return None
    found = [
        forest_shares(codes[rows], losses[rows], bounds, pairs, seed=seed + index, n_trees=_RESAMPLE_TREES)
        for index, rows in enumerate(_resamples(len(losses), seed))
    ]
    resamples = [each for each in found if each is not None]
    ped, ped_intervals = _ped(axes, losses, seed)
    return Estimate(
        method="forest",
        interval_method=(
            f"95 %, {len(resamples)} bootstrap resamples of the trials, ± 1.96 standard deviations: how far "
            "the estimate moves with the trials that happened to be run, not how wrong the forest may be"
        ),
        main=shares.main,
        main_intervals=_normal([each.main for each in resamples], shares.main),
        pairs=shares.pairs,
        pair_intervals=_normal([each.pairs for each in resamples], shares.pairs),
        ped=ped,
        ped_intervals=ped_intervals,
    )


def _ped(axes: Sequence[Axis], losses: Floats, seed: int) -> tuple[Floats, tuple[Interval, ...] | None]:
    ped = PedAnova(axes, losses)
    shares = ped.shares()
    resamples = [ped.shares([int(row) for row in rows]) for rows in _resamples(len(losses), seed)]
    return shares, _normal(resamples, shares)


def _resamples(n_trials: int, seed: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    n = int(np.clip(_RESAMPLED_TRIALS // n_trials, _FEWEST_RESAMPLES, _MOST_RESAMPLES))
    generator = np.random.default_rng(seed)
    return [generator.integers(0, n_trials, n_trials) for _ in range(n)]


def _normal(resamples: Sequence[Floats], centre: Floats) -> tuple[Interval, ...] | None:
    """Centre ± 1.96 sd inside [0, 1]: a few dozen resamples know a standard deviation, but no 2.5 % quantile."""
    if len(resamples) < 2:
        return None
    half = _Z * np.std(resamples, axis=0, ddof=1)
    return tuple((max(0.0, float(c - h)), min(1.0, float(c + h))) for c, h in zip(centre, half, strict=True))


def _quantiles(resamples: Sequence[Floats], centre: Floats) -> tuple[Interval, ...] | None:
    """Percentiles, widened to the estimate itself where it lies outside them."""
    if not resamples:
        return None
    low, high = np.quantile(np.asarray(resamples), [0.025, 0.975], axis=0)
    return tuple((min(float(a), float(c)), max(float(b), float(c))) for a, b, c in zip(low, high, centre, strict=True))
