"""From a results table to the optima that a scaling law is fitted to, and those that it must leave out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.errors import FilterError
from analysis.lr_curves.compute import LrCurve, compute_lr_curves
from analysis.runs.configuration import GROUP_KEYS, GroupValue, read_configurations
from analysis.runs.direction import Direction
from analysis.scaling.axis import Axis, model_types
from analysis.scaling.optima import Optimum, read_optimum
from analysis.scaling.settings import BUDGET, Place, Setting, default_setting_keys, split_settings
from analysis.scaling.types import LeftOut, OptimumPoint

Columns = Mapping[str, Sequence[GroupValue]]

# What may differ along an axis without confusing its effect: it follows from the axis.
_FOLLOWS: Final = {"warmup_steps", "tokenizer_id", "eval_set_id", *BUDGET}


@dataclass(frozen=True, slots=True)
class ScalingPoints:
    """What a law can be fitted to.

    Attributes:
        axis: The axis.
        points: Optima, ordered by setting and place; settings with one place only are among them.
        left_out: Curves without an optimum.
        n_rows_without_axis: Runs that have no number on the axis.
        warnings: What is mixed inside settings, and how the budget was read.
    """

    axis: Axis
    points: tuple[OptimumPoint, ...]
    left_out: tuple[LeftOut, ...]
    n_rows_without_axis: int
    warnings: tuple[str, ...]


def read_points(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction,
    make_axis: Callable[[Columns], Axis],
    setting: Sequence[str] | None,
    by_budget: bool,
) -> ScalingPoints:
    """Returns the optimal learning rate of every place on an axis, per setting.

    Needs columns: as `compute_lr_curves`.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        make_axis: Reads the axis from the configuration columns.
        setting: Keys that make a setting; None takes all that vary except the axis and what follows from it.
        by_budget: Whether settings are told apart by what was held fixed (tokens, steps, epochs) along the axis.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: `setting` names an unknown key, the axis or the learning rate.
    """
    axis = make_axis(read_configurations(results))
    wanted = [row for row, value in enumerate(axis.values) if value is not None]
    table = results.iloc[wanted].reset_index(drop=True)
    columns = read_configurations(table)
    axis = make_axis(columns)
    keys = default_setting_keys(columns, range(len(table)), axis) if setting is None else list(setting)
    if axis.group_key in keys or axis.name in keys:
        raise FilterError(f"'{axis.name}' is the axis, so it cannot make a setting; leave it out.")
    curves = compute_lr_curves(table, metric=metric, group_by=[axis.group_key, *keys], direction=direction)
    places = _Places(table, columns, axis)
    curves = [curve for curve in curves if places.rows(curve)]
    settings = split_settings([places.place(curve) for curve in curves], axis, by_budget=by_budget)
    members = [sorted((curves[at] for at in one.members), key=places.x) for one in settings]
    found = [_read(curve, places, one) for one, part in zip(settings, members, strict=True) for curve in part]
    warnings = [
        *dict.fromkeys(one.remark for one in settings if one.remark),
        *dict.fromkeys(text for part in members for text in places.confounders(part)),
        *dict.fromkeys(warning for curve in curves for warning in curve.warnings if "mixes several values" in warning),
    ]
    return ScalingPoints(
        axis=axis,
        points=tuple(one for one in found if isinstance(one, OptimumPoint)),
        left_out=tuple(one for one in found if isinstance(one, LeftOut)),
        n_rows_without_axis=len(results) - len(wanted),
        warnings=tuple(warnings),
    )


class _Places:
    """Looks up where a curve's runs stand."""

    def __init__(self, table: pd.DataFrame, columns: Columns, axis: Axis) -> None:
        self._columns = columns
        self._axis = axis
        self._types = model_types(columns)
        self._row_of = {str(run_id): row for row, run_id in enumerate(table["run_id"])} if len(table) else {}

    def rows(self, curve: LrCurve) -> list[int]:
        """Rows of the runs in a curve's points."""
        ids = (run_id for point in curve.points for run_id in (*point.run_ids, *point.diverged_run_ids))
        return [self._row_of[run_id] for run_id in ids]

    def x(self, curve: LrCurve) -> float:
        """Geometric mean of the axis over a curve's runs (they differ only where it was measured)."""
        values = sorted(value for row in self.rows(curve) if (value := self._axis.values[row]) is not None)
        return values[0] if values[0] == values[-1] else math.exp(math.fsum(map(math.log, values)) / len(values))

    def place(self, curve: LrCurve) -> Place:
        """Where a curve stands."""
        row = self.rows(curve)[0]
        budget = {key: _number(self._columns[key][row]) for key in BUDGET}
        return Place(curve.group, self.x(curve), budget)

    def model(self, curve: LrCurve) -> tuple[str | None, str | None]:
        """Name and type of a curve's model."""
        row = self.rows(curve)[0]
        name = self._columns["model"][row]
        return (None if name is None else str(name)), self._types[row]

    def confounders(self, curves: Sequence[LrCurve]) -> Iterator[str]:
        """Sentences on hyperparameters that change along the axis inside a setting."""
        rows = [self.rows(curve)[0] for curve in curves]
        for key in GROUP_KEYS:
            if key in _FOLLOWS or key in (self._axis.group_key, self._axis.name):
                continue
            if len({self._columns[key][row] for row in rows}) > 1:
                yield (
                    f"{key} changes together with {self._axis.name} inside a setting: "
                    "their effects on the learning rate cannot be told apart."
                )


def _read(curve: LrCurve, places: _Places, setting: Setting) -> OptimumPoint | LeftOut:
    found = read_optimum(curve)
    if not isinstance(found, Optimum):
        return LeftOut(
            setting=setting.group,
            label=setting.label,
            x=places.x(curve),
            reason=found.reason.removeprefix("none: "),
            bound=found.bound,
            bound_lr=found.bound_lr,
        )
    model, model_type = places.model(curve)
    return OptimumPoint(
        setting=setting.group,
        label=setting.label,
        x=places.x(curve),
        lr=found.lr,
        se_ln=found.se_ln,
        source=found.source,
        best_value=curve.best_mean if curve.best_mean is not None else math.nan,
        model=model,
        model_type=model_type,
        held=setting.held,
        curve=curve,
    )


def _number(value: GroupValue) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
