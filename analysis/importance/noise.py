"""How much of the variance between trials is noise between seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats

from analysis.importance.forest import Floats
from analysis.importance.types import Scale
from analysis.ranking.noise import estimate_noise
from analysis.runs.trials import Trial

_DRAWS: Final = 100


def noise_share(trials: Sequence[Trial], scale: Scale, losses: Floats, seed: int) -> float | None:
    """Returns the share of the variance that new seeds would move; None where no trial has two finite runs.

    It is the mean squared change of the losses when each mean moves by its standard error, over their variance; among
    values that is the mean variance of a mean. Diverged trials stay where they are.

    Args:
        trials: The trials.
        scale: On which scale the variance is shared out.
        losses: The trials' losses on that scale, shape (n_trials,).
        seed: Of the draws.
    """
    means = np.array([trial.mean for trial in trials])
    finite = np.isfinite(means)
    known = [trial.losses for trial in trials if math.isfinite(trial.mean)]
    noise = estimate_noise(known, [[None] * len(runs) for runs in known])
    if noise is None:
        return None
    errors = np.zeros(len(trials))
    errors[finite] = noise.ses
    variance = float(np.var(losses))
    if scale == "value":
        return min(1.0, float(np.mean(errors**2)) / variance)
    generator = np.random.default_rng(seed)
    moved = means + errors * generator.standard_normal((_DRAWS, len(trials)))
    ranks = np.asarray(stats.rankdata(moved, axis=1), dtype=float)
    return min(1.0, float(np.mean((ranks - losses) ** 2)) / variance)
