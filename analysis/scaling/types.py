"""Results of the scaling analyses: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.lr_curves.types import LrCurve
from analysis.runs.configuration import Group

Interval = tuple[float, float]
Source = Literal["fit", "grid"]
Bound = Literal["at_least", "at_most"]
Held = Literal["tokens", "steps", "epochs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimumPoint:
    """The optimal learning rate of one curve, at one place of the axis and in one setting.

    Attributes:
        setting: What tells its setting from the others.
        label: The setting as text.
        x: Where it is on the axis, in the axis's unit.
        lr: Optimal peak learning rate.
        se_ln: Standard error of ln(lr).
        source: Whether `lr` is a fit's optimum or the best of the grid.
        best_value: Mean metric at the best learning rate tried.
        model: Model of its runs, None where they name none.
        model_type: transformers' type of that model, None where it is not known.
        held: What the setting holds fixed along a batch axis, None where nothing says it.
        curve: The curve behind it.
    """

    setting: Group
    label: str
    x: float
    lr: float
    se_ln: float
    source: Source
    best_value: float
    model: str | None
    model_type: str | None
    held: Held | None
    curve: LrCurve

    def to_json(self, axis: str) -> dict[str, object]:
        """Returns the point; its place stands under the name of the axis."""
        return {axis: self.x, "optimum_lr": self.lr, "se_ln": self.se_ln, "source": self.source, "model": self.model}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A curve that gives no optimum, with the reason and, at an edge, the bound that it does give."""

    setting: Group
    label: str
    x: float | None
    reason: str
    bound: Bound | None
    bound_lr: float | None

    def to_json(self, axis: str) -> dict[str, object]:
        """Returns the entry; its place stands under the name of the axis."""
        return {
            "setting": dict(self.setting),
            axis: self.x,
            "reason": self.reason,
            "bound": self.bound,
            "bound_lr": self.bound_lr,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """How an exponent compares with a rule.

    Attributes:
        rule: Its name.
        exponent: The exponent that the rule states.
        in_interval: Whether the 95 % interval holds it; None without an interval.
        equivalence_p: p-value of the two one-sided tests that the exponent is within `margin` of the rule's.
        margin: That margin.
    """

    rule: str
    exponent: float
    in_interval: bool | None
    equivalence_p: float | None
    margin: float

    @property
    def is_equivalent(self) -> bool:
        """Whether the exponent is within the margin, shown at the 5 % level."""
        return self.equivalence_p is not None and self.equivalence_p < 0.05

    def to_json(self) -> dict[str, object]:
        """Returns the test under its documented JSON keys."""
        return {
            "rule": self.rule,
            "exponent": self.exponent,
            "in_interval": self.in_interval,
            "equivalent": None if self.equivalence_p is None else self.is_equivalent,
            "equivalence_p": self.equivalence_p,
            "margin": self.margin,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """`ln lr = intercept of the setting + alpha ln x`, one exponent for all settings.

    Attributes:
        alpha: The exponent; None with fewer than two places on the axis.
        interval: Its 95 % interval, or None.
        interval_method: Its method, or why there is none.
        se: Standard error of alpha, None without an interval.
        dof: Degrees of freedom of that error; 0 without an interval.
        intercepts: Label of each setting -> ln lr at x = 1.
        tau: Standard deviation of ln lr between points beyond their own errors.
        n_points: Optima in the fit.
    """

    alpha: float | None
    interval: Interval | None
    interval_method: str
    se: float | None
    dof: int
    intercepts: Mapping[str, float]
    tau: float
    n_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSlope:
    """One setting: its optima, and its own exponent where it has two places or more on the axis."""

    setting: Group
    label: str
    held: Held | None
    law: PowerLaw
    best_x: float
    points: tuple[OptimumPoint, ...]

    def to_json(self, axis: str) -> dict[str, object]:
        """Returns the setting under its documented JSON keys."""
        return {
            "setting": dict(self.setting),
            "label": self.label,
            "alpha": self.law.alpha,
            "interval": _pair(self.law.interval),
            "interval_method": self.law.interval_method,
            "n_points": len(self.points),
            "held_fixed": self.held,
            f"best_{axis}": self.best_x,
            "points": [point.to_json(axis) for point in self.points],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinge:
    """Two slopes that meet at a break, against the single power law.

    Attributes:
        reason: Why there is no hinge; None where there is one.
        relative: Whether the break is one batch size for all settings, or one multiple of each setting's best one.
        break_ratio: Break divided by the setting's best batch size (the one with the best metric).
        break_batch_size: The break itself; the geometric mean over settings where it differs between them.
        interval_break: 95 % interval of `break_batch_size`.
        alpha_below: Slope below the break.
        alpha_above: Slope above it.
        interval_below: 95 % interval of the slope below, the estimated break accounted for.
        interval_above: Likewise above.
        interval_method: How the intervals were found, or why there are none.
        delta_aic: AIC of the power law minus AIC of the hinge: positive where the hinge is better.
        delta_bic: Likewise.
        p_value: Of the break (simulated under the power law, the place of the break unknown).
    """

    reason: str | None
    relative: bool | None = None
    break_ratio: float | None = None
    break_batch_size: float | None = None
    interval_break: Interval | None = None
    alpha_below: float | None = None
    alpha_above: float | None = None
    interval_below: Interval | None = None
    interval_above: Interval | None = None
    interval_method: str | None = None
    delta_aic: float | None = None
    delta_bic: float | None = None
    p_value: float | None = None

    @property
    def is_better(self) -> bool:
        """Whether the break is significant at 5 % and pays for its two parameters by AIC."""
        if self.delta_aic is None or self.p_value is None:
            return False
        return self.delta_aic > 0 and self.p_value < 0.05

    def to_json(self) -> dict[str, object]:
        """Returns the hinge under its documented JSON keys; all null with the reason where there is none."""
        return {
            "break_ratio": self.break_ratio,
            "break_batch_size": self.break_batch_size,
            "break_relative_to_best": self.relative,
            "interval_break": _pair(self.interval_break),
            "alpha_below": self.alpha_below,
            "interval_below": _pair(self.interval_below),
            "alpha_above": self.alpha_above,
            "interval_above": _pair(self.interval_above),
            "interval_method": self.interval_method,
            "delta_aic": self.delta_aic,
            "delta_bic": self.delta_bic,
            "p_value": self.p_value,
            "is_better": None if self.reason else self.is_better,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """How well the loss curves of several batch sizes fall on one curve of LR / B^alpha.

    Attributes:
        reason: Why it was not looked at; None where it was.
        best_alpha: The alpha with the lowest score.
        interval: 95 % interval of it.
        method: How score and interval were found.
        scores: alpha -> S, the squared error of prediction relative to the noise (about 1 where curves collapse); None
            where the noise is not known or the curves overlap too little.
        best_score: S at the best alpha, None likewise.
        n_batch_sizes: Batch sizes that took part.
        n_points: Means that took part.
        noise_sd: Run-to-run standard deviation used, in the metric's unit.
        points: What a chart draws.
    """

    reason: str | None
    best_alpha: float | None = None
    interval: Interval | None = None
    method: str | None = None
    scores: Mapping[float, float | None] | None = None
    best_score: float | None = None
    n_batch_sizes: int = 0
    n_points: int = 0
    noise_sd: float | None = None
    points: tuple[CollapsePoint, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Returns the collapse under its documented JSON keys; alphas as text (`"0.5"`)."""
        return {
            "best_alpha": self.best_alpha,
            "interval": _pair(self.interval),
            "method": self.method or f"none: {self.reason}",
            "scores": {f"{alpha:g}": score for alpha, score in (self.scores or {}).items()},
            "best_score": self.best_score,
            "n_batch_sizes": self.n_batch_sizes,
            "n_points": self.n_points,
            "noise_sd": self.noise_sd,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapsePoint:
    """One mean near the optimum of its batch size: loss above that batch size's fitted minimum."""

    label: str
    x: float
    learning_rate: float
    excess: float
    n: int
    is_near: bool


def _pair(interval: Interval | None) -> list[float] | None:
    return list(interval) if interval else None
