"""What the winner would score on seeds that did not help to choose it.

Source: G. Cawley & N. Talbot 2010, JMLR 11:2079 (selection bias); B. Efron & R. Tibshirani 1997, JASA 92:548
(out-of-bag scores).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.ranking.noise import Noise

Floats = NDArray[np.float64]

_RESAMPLES: Final = 200


def score_out_of_bag(noise: Noise, seed: int = 0) -> float | None:
    """Returns the mean value of the configuration chosen in a resample of seeds, on the seeds outside that resample.

    Nested bootstrap: the whole seeds are drawn again where they are shared, else the runs of each configuration.
    Choosing from fewer seeds goes wrong more often, so the score is a little too bad rather than too good.

    Returns:
        None where the resamples' choices were left without a run to score them on.
    """
    values, present = _as_matrix(noise)
    generator = np.random.default_rng(seed)
    total, n_scored = 0.0, 0
    for _ in range(_RESAMPLES):
        counts = _resample(noise.is_paired, present, generator)
        n_in_bag = (present * counts).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.where(n_in_bag > 0, (values * counts).sum(axis=1) / n_in_bag, np.inf)
        chosen = int(np.argmin(means))
        outside = present[chosen] & (np.broadcast_to(counts, values.shape)[chosen] == 0)
        if outside.any():
            total += float(values[chosen][outside].mean())
            n_scored += 1
    return total / n_scored if n_scored else None


def _as_matrix(noise: Noise) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the values as (configuration, seed or number of the run), and where there is one."""
    runs = noise.runs
    starts = np.concatenate([[0], np.cumsum(runs.counts)[:-1]])
    numbers = np.arange(len(runs.values)) - starts[runs.configurations]
    columns = runs.seeds if noise.is_paired else numbers
    present = np.zeros((runs.n_configurations, int(columns.max()) + 1), dtype=bool)
    present[runs.configurations, columns] = True
    values = np.zeros(present.shape)
    values[runs.configurations, columns] = runs.values
    return values, present


def _resample(is_paired: bool, present: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """Returns how often each run counts."""
    width = present.shape[1]
    if is_paired:
        return generator.multinomial(width, np.full(width, 1 / width))
    own = present.sum(axis=1)
    return generator.multinomial(own, present / own[:, None])
