"""Strengths behind pairwise wins.

Source: R. A. Bradley & M. E. Terry 1952, Biometrika 39:324: row i beats row j with probability 1/(1 + exp(t_j - t_i)).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from analysis.benchmarks.types import Floats

RIDGE: Final = 0.1
"""Weight of the sum of squared strengths (our choice); without it a row that wins everything has no finite strength."""

_MOST_STEPS: Final = 100
_TOLERANCE: Final = 1e-10


def count_wins(merit: Floats) -> Floats:
    """Returns how often each row beats each other one, a tie being half a win, shape (n_rows, n_rows).

    Args:
        merit: Higher is better, shape (n_rows, n_columns); NaN counts for nothing.
    """
    wins = np.zeros((merit.shape[0], merit.shape[0]))
    for column in merit.T:
        present = np.flatnonzero(~np.isnan(column))
        values = column[present]
        won = (values[:, None] > values[None, :]) + 0.5 * (values[:, None] == values[None, :])
        wins[np.ix_(present, present)] += won
    np.fill_diagonal(wins, 0.0)
    return wins


def is_connected(wins: Floats) -> bool:
    """Whether chains of comparisons lead from every row to every other one."""
    n_parts, _ = connected_components(wins + wins.T, directed=False)
    return bool(n_parts == 1)


def fit_strengths(wins: Floats, ridge: float = RIDGE) -> Floats:
    """Returns the strengths that minimise -log likelihood + ridge * sum(t^2), by damped Newton steps; their mean is 0.

    Args:
        wins: As `count_wins` gives them.
        ridge: Above 0.
    """
    strengths = np.zeros(len(wins))
    games = wins + wins.T
    value = _objective(strengths, wins, ridge)
    for _ in range(_MOST_STEPS):
        chance = expit(strengths[:, None] - strengths[None, :])
        gradient = (games * chance - wins).sum(axis=1) + 2 * ridge * strengths
        weights = games * chance * (1 - chance)
        hessian = np.diag(weights.sum(axis=1) + 2 * ridge) - weights
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while (lower := _objective(strengths - size * step, wins, ridge)) > value and size > _TOLERANCE:
            size /= 2
        strengths, value = strengths - size * step, min(lower, value)
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    return np.asarray(strengths - strengths.mean(), dtype=float)


def _objective(strengths: Floats, wins: Floats, ridge: float) -> float:
    losses = np.logaddexp(0.0, strengths[None, :] - strengths[:, None])
    return float((wins * losses).sum() + ridge * (strengths**2).sum())
