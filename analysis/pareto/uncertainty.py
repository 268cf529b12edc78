"""How sure it is that a configuration is on the front: a front of noisy means is optimistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.pareto.types import Objective
from analysis.pareto.volume import Floats, nondominated
from analysis.ranking.noise import estimate_noise

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
        losses = [(objective.sign * runs[:, column]).tolist() for runs in values]
        noise = estimate_noise(losses, [[None] * len(runs) for runs in losses])
        if noise is None:
            return None
        draws = generator.standard_t(noise.dofs, (_DRAWS, len(losses)))
        moved.append(noise.means + noise.ses * draws)
    counts = sum(nondominated(np.ascontiguousarray(draw)) for draw in np.stack(moved, axis=2))
    return np.asarray(counts, dtype=float) / _DRAWS
