"""The hypervolume of a front: how much of the box between the best values and a reference point it dominates.

Sources: E. Zitzler, L. Thiele 1998, PPSN V; computed by moocore (Fonseca, Paquete, López-Ibáñez 2006). The number
depends on the reference and on the scales, so both are always stated; changing them can change which front is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.errors import FilterError
from analysis.pareto.types import Objective

Floats = NDArray[np.float64]
MARGIN: Final = 0.1
"""The default reference lies this share of the range beyond the worst value seen, so that the worst point counts."""


def nondominated(losses: Floats) -> NDArray[np.bool_]:
    """Returns which rows no other row dominates, shape (n,); equal rows do not dominate each other.

    Args:
        losses: Shape (n, n_objectives), lower is better everywhere, all finite.
    """
    # Compiled, and needed only here.
    import moocore

    return np.asarray(moocore.is_nondominated(losses, keep_weakly=True), dtype=bool)


def to_losses(values: Floats, objectives: Sequence[Objective]) -> Floats:
    """Returns values on their scales with signs such that lower is better, shape as given.

    Raises:
        FilterError: an objective on a log scale has a value that is not positive.
    """
    columns = []
    for column, objective in zip(values.T, objectives, strict=True):
        if objective.scale == "log" and np.any(column <= 0):
            raise FilterError(
                f"'{objective.name}' has values that are not positive, so it has no log scale; "
                f"write {objective.name}:linear."
            )
        columns.append(objective.sign * (np.log(column) if objective.scale == "log" else column))
    return np.column_stack(columns) if columns else values


def reference_point(losses: Floats, objectives: Sequence[Objective], given: Mapping[str, float]) -> Floats:
    """Returns the reference on the objectives' scales: as given, else a tenth of the range beyond the worst seen.

    Raises:
        FilterError: a reference is given for something that is no objective, or has no place on its scale.
    """
    names = [objective.name for objective in objectives]
    for name, value in given.items():
        if name not in names:
            raise FilterError(f"There is no objective '{name}' to give a reference for; there are: {', '.join(names)}.")
        if not math.isfinite(value):
            raise FilterError(f"The reference of '{name}' must be a finite number, got {value}.")
    worst, best = losses.max(axis=0), losses.min(axis=0)
    # Where all are equal there is no range; a reference on top of the points would make every volume zero.
    spread = np.where(worst > best, worst - best, np.maximum(np.abs(worst), 1.0))
    reference = worst + MARGIN * spread
    for index, objective in enumerate(objectives):
        if objective.name in given:
            reference[index] = to_losses(np.array([[given[objective.name]]]), [objective])[0, 0]
    return np.asarray(reference)


def from_loss(loss: float, objective: Objective) -> float:
    """Returns a position on an objective's scale in the objective's own unit."""
    value = objective.sign * loss
    return math.exp(value) if objective.scale == "log" else value


def relative_hypervolume(losses: Floats, reference: Floats) -> float | None:
    """Returns the dominated share of the box from the best values seen to the reference; None where it has no volume.

    Points beyond the reference in any objective contribute nothing.

    Args:
        losses: Shape (n, n_objectives), lower is better.
        reference: Shape (n_objectives,).
    """
    import moocore

    box = float(np.prod(np.maximum(reference - losses.min(axis=0), 0.0)))
    if box <= 0:
        return None
    return min(1.0, float(moocore.hypervolume(losses, ref=reference)) / box)
