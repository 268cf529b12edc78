"""Which point of a front to take: the best of each objective, the knee, the best within a limit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from analysis.errors import FilterError
from analysis.pareto.types import Objective, ParetoPoint, Pick
from analysis.pareto.volume import to_losses

_UNITS: Final = {
    "": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
    "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
_ROUNDING: Final = 1e-9
_AMOUNT: Final = re.compile(r"(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>[A-Za-z]*)")


def parse_amounts(texts: Sequence[str]) -> dict[str, float]:
    """Returns name -> amount of texts like `eval_loss=2.5`, `peak_memory_bytes=10GiB`, `wall_s=2h`.

    Raises:
        FilterError: a text has no name, no number or an unknown unit.
    """
    amounts = {}
    for text in texts:
        name, _, amount = text.rpartition("=")
        match = _AMOUNT.fullmatch(amount.strip())
        if not name.strip() or match is None or match["unit"] not in _UNITS:
            units = ", ".join(unit for unit in _UNITS if unit)
            raise FilterError(f"cannot read {text!r}; write NAME=NUMBER, with a unit if you like ({units})")
        amounts[name.strip()] = _number(match["number"], text) * _UNITS[match["unit"]]
    return amounts


def choose_picks(
    points: Sequence[ParetoPoint], objectives: Sequence[Objective], limits: Mapping[str, float]
) -> tuple[Pick, ...]:
    """Returns the best within the limits (where there are any), the knee, and the best of each objective.

    Args:
        points: The points on the front.
        objectives: In the order in which they matter: limits hold while the first is made as good as possible.
        limits: Objective -> the worst value that is still fine.

    Raises:
        FilterError: a limit names no objective.
    """
    names = [objective.name for objective in objectives]
    if unknown := sorted(set(limits) - set(names)):
        raise FilterError(f"There is no objective '{unknown[0]}' to limit; there are: {', '.join(names)}.")
    if not points:
        return ()
    limited = (_within(points, objectives, limits),) if limits else ()
    return (*limited, _knee(points, objectives), *(_extreme(points, objective) for objective in objectives))


def amount_text(name: str, value: float) -> str:
    """Returns a value with its unit where the name says it: bytes as GiB.

    >>> amount_text("peak_memory_bytes", 2**34), amount_text("eval_loss", 2.34567)
    ('16 GiB', '2.346')
    """
    return f"{value / 2**30:.4g} GiB" if name.endswith("_bytes") else f"{value:.4g}"


def _within(points: Sequence[ParetoPoint], objectives: Sequence[Objective], limits: Mapping[str, float]) -> Pick:
    signs = {objective.name: objective.sign for objective in objectives}
    bounds = [
        f"{name} at {'most' if signs[name] > 0 else 'least'} {amount_text(name, limit)}"
        for name, limit in limits.items()
    ]
    rule = f"best {objectives[0].name} with {' and '.join(bounds)}"
    fine = [
        point
        for point in points
        if all(signs[name] * point.values[name] <= signs[name] * limit for name, limit in limits.items())
    ]
    if not fine:
        return Pick(rule=rule, trial_key=None, reason="No configuration keeps within the limits.")
    return Pick(rule=rule, trial_key=_best(fine, objectives[0]).trial_key)


def _extreme(points: Sequence[ParetoPoint], objective: Objective) -> Pick:
    return Pick(rule=f"best {objective.name}", trial_key=_best(points, objective).trial_key)


def _best(points: Sequence[ParetoPoint], objective: Objective) -> ParetoPoint:
    return min(points, key=lambda point: (objective.sign * point.values[objective.name], point.trial_key))


def _knee(points: Sequence[ParetoPoint], objectives: Sequence[Objective]) -> Pick:
    """The point farthest below the plane through the ends of the front, each objective from its best 0 to its worst 1.

    Source: I. Das 1999, "On characterizing the knee of the Pareto curve", Structural Optimization 18:107. The distance
    to the plane sum(z) = 1 grows with 1 - sum(z), so that the smallest sum is the knee.
    """
    rule = "knee"
    losses = to_losses(np.array([[point.values[item.name] for item in objectives] for point in points]), objectives)
    span = np.ptp(losses, axis=0)
    if len(points) < 3 or np.any(span <= 0):
        return Pick(rule=rule, trial_key=None, reason="A knee takes three points on the front.")
    total = ((losses - losses.min(axis=0)) / span).sum(axis=1)
    best = int(np.argmin(total))
    # On a straight front every sum is 1, up to rounding.
    if total[best] >= 1 - _ROUNDING:
        return Pick(
            rule=rule, trial_key=None, reason="The front has no knee: between its ends it does not bend inwards."
        )
    return Pick(rule=rule, trial_key=points[best].trial_key)


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError as problem:
        raise FilterError(f"cannot read the number in {whole!r}") from problem
    if not math.isfinite(number):
        raise FilterError(f"the number in {whole!r} is not finite")
    return number
