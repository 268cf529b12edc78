"""How sure it is that a configuration is on the front: a front of noisy means is optimistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.pareto.types import Objective
from analysis.pareto.volume import Floats, nondominated
from analysis.ranking.stats import estimate_spreads

_DRAWS: Final = 500
"""A probability is known to 0.02 (one standard error)."""


def front_probabilities(values: Sequence[Floats], objectives: Sequence[Objective], seed: int) -> Floats | None:
    """Returns the share of draws in which each configuration is on the front, or None where nothing is replicated.

    Each mean moves by its standard error times a draw of t, objective by objective; runs of one configuration that are
    good in one objective and bad in another together are treated as independent.

    Args:
        values: Of the runs of each configuration, shape (n_runs, n_objectives) each.
        objectives: In the order of the columns.
        seed: Of the draws.

    Returns:
        Shape (n_configurations,).
    """
    moved = []
    generator = np.random.default_rng(seed)
    for column, objective in enumerate(objectives):
        losses = [objective.sign * runs[:, column] for runs in values]
        spreads = estimate_spreads([[float(loss) for loss in each] for each in losses])
        if spreads is None:
            return None
        means = np.array([each.mean() for each in losses])
        errors = np.array([spread.se for spread in spreads])
        draws = np.array([generator.standard_t(spread.dof, _DRAWS) for spread in spreads]).T
        moved.append(means + errors * draws)
    counts = sum(nondominated(np.ascontiguousarray(draw)) for draw in np.stack(moved, axis=2))
    return np.asarray(counts, dtype=float) / _DRAWS
