"""One axis of the grid: the values a hyperparameter takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from analysis.strict_yaml.problems import shown
from runner.spec.fields import IsNumber, IsWhole, Number, Section, refuse

SIGNIFICANT_DIGITS = 3  # generated values are rounded to this, so that the same grid gives the same trial keys anywhere
DECADES_AROUND = 1.0  # our choice: wide enough to see both wings of the U, even where the rule is a little off
POINTS_AROUND = 7
SPACINGS = ("values", "log", "linear", "around")
MOST_POINTS = 200


class AxisSection(Section):
    """A list of values, or a rule that makes them. A plain list in the file is short for `{values: [...]}`."""

    values: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_POINTS)] | None = Field(
        default=None, description="The values themselves."
    )
    log: tuple[Number, Number] | None = Field(default=None, description="From a to b in equal ratios; needs points.")
    linear: tuple[Number, Number] | None = Field(
        default=None, description="From a to b in equal differences; needs points."
    )
    around: Literal["recommended"] | None = Field(
        default=None,
        description="Around the recommended learning rate of the model, in equal ratios; learning_rate only.",
    )
    decades: Annotated[float, Field(gt=0, le=6), IsNumber] | None = Field(
        default=None,
        description="How far around reaches to each side.",
        json_schema_extra={"unit": "powers of ten", "shown_default": f"{DECADES_AROUND:g}"},
    )
    points: Annotated[int, Field(ge=2, le=MOST_POINTS), IsWhole] | None = Field(
        default=None,
        description=f"How many values a rule makes; {POINTS_AROUND} for around unless set.",
        json_schema_extra={"unit": "values"},
    )

    @model_validator(mode="before")
    @classmethod
    def _list_is_values(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return {"values": list(value)}
        if isinstance(value, dict):
            return value
        return refuse(
            f"must be a list or a rule, got {shown(value)}", "write a list such as [8, 16], or {log: [a, b], points: 7}"
        )

    @model_validator(mode="after")
    def _one_rule(self) -> AxisSection:
        given = [name for name in SPACINGS if getattr(self, name) is not None]
        if len(given) != 1:
            got = f"got {' and '.join(given)}" if given else "got none of them"
            refuse(f"needs exactly one of {', '.join(SPACINGS)}, {got}", "keep one")
        self._check_points(given[0])
        self._check_range()
        return self

    def _check_points(self, rule: str) -> None:
        if rule in ("log", "linear") and self.points is None:
            refuse(f"{rule} needs the number of points", "add points: 7")
        if rule == "values" and self.points is not None:
            refuse("points belongs to log, linear or around, not to a list", "remove points")
        if rule != "around" and self.decades is not None:
            refuse("decades belongs to around", "remove decades")

    def _check_range(self) -> None:
        bounds = self.log or self.linear
        if bounds is None:
            return
        low, high = bounds
        if low >= high:
            refuse(
                f"the range must rise, got [{low:g}, {high:g}]",
                f"write [{high:g}, {low:g}]" if low > high else "widen it",
            )
        if self.log is not None and low <= 0:
            refuse(f"a log range must be positive, got {low:g}", "start above zero")


def spaced_values(axis: AxisSection, *, whole: bool) -> tuple[float | int, ...]:
    """Returns the values of a `log` or `linear` rule in rising order, rounded; whole numbers lose duplicates.

    >>> spaced_values(AxisSection(log=(1e-4, 1e-2), points=3), whole=False)
    (0.0001, 0.001, 0.01)
    """
    low, high = axis.log or axis.linear or (0.0, 0.0)
    n_points = axis.points or 0
    shares = [index / (n_points - 1) for index in range(n_points)]
    if axis.log is not None:
        raw = [math.exp(math.log(low) * (1 - share) + math.log(high) * share) for share in shares]
    else:
        raw = [low * (1 - share) + high * share for share in shares]
    return _rounded(raw, whole=whole)


def values_around(centre: float, decades: float, n_points: int) -> tuple[float, ...]:
    """Returns `n_points` values from centre / 10^decades to centre * 10^decades in equal ratios, rounded.

    >>> values_around(1e-3, 1, 3)
    (0.0001, 0.001, 0.01)
    """
    exponents = [decades * (2 * index / (n_points - 1) - 1) for index in range(n_points)]
    return tuple(float(value) for value in _rounded([centre * 10**exponent for exponent in exponents], whole=False))


def _rounded(raw: Sequence[float], *, whole: bool) -> tuple[float | int, ...]:
    if whole:
        return tuple(dict.fromkeys(round(value) for value in raw))
    return tuple(dict.fromkeys(float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in raw))
