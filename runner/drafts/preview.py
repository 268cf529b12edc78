"""The runs of a sweep as far as they are known without its model and data: enough to draw the grid at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import UcurveError
from analysis.recommendation.recommended_lr import recommend_lr
from runner.spec.axes import DECADES_AROUND, POINTS_AROUND, AxisSection, values_around
from runner.spec.axis_values import Setting, axis_values
from runner.spec.schema import SweepSpec


@dataclass(frozen=True, slots=True)
class PreviewRun:
    """One run: its learning rate, and everything else that varies in the sweep, the seed included."""

    learning_rate: float
    settings: dict[str, object]


def preview_runs(spec: SweepSpec) -> list[PreviewRun]:
    """Returns the runs of a sweep; none where the recommended learning rate of its model is not known offline."""
    rates = learning_rates(spec)
    names = [name for name in spec.axes if name != "learning_rate"]
    values = [axis_values(name, spec.axes[name]) for name in names]
    return [
        PreviewRun(rate, {**dict(zip(names, chosen, strict=True)), "seed": seed})
        for rate in rates
        for *chosen, seed in itertools.product(*values, spec.seeds)
    ]


def learning_rates(spec: SweepSpec) -> tuple[float, ...]:
    """Returns the learning rates of a sweep as far as they are known offline."""
    axis = spec.axes.get("learning_rate")
    if axis is None:
        return () if spec.training.learning_rate is None else (spec.training.learning_rate,)
    if axis.around is not None:
        return rates_around_recommended(spec.model.id, axis)
    return tuple(_numbers(axis_values("learning_rate", axis)))


def rates_around_recommended(model: str, axis: AxisSection, *, read_local: bool = True) -> tuple[float, ...]:
    """Returns the values of `around: recommended`; none where no rule covers the model, as far as is known offline."""
    recommended = recommended_rate(model, read_local=read_local)
    if recommended is None:
        return ()
    return values_around(recommended, axis.decades or DECADES_AROUND, axis.points or POINTS_AROUND)


def recommended_rate(model: str, *, read_local: bool = True) -> float | None:
    """Returns the recommended learning rate of a model, None where none is known offline.

    Args:
        model: Its name, or its folder.
        read_local: Whether a folder may be looked into: not where somebody names it who may not train with it.
    """
    try:
        return recommend_lr(model, read_local=read_local).learning_rate
    except UcurveError:
        return None


def _numbers(values: Sequence[Setting]) -> list[float]:
    return [float(value) for value in values if isinstance(value, int | float)]
