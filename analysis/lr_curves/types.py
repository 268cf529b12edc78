"""Results of the U-curve analysis: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.lr_curves.local_fit import LocalFit, UTest
from analysis.recommendation.recommended_lr import RecommendedLr
from analysis.runs.configuration import Group, GroupValue
from analysis.runs.direction import Direction

__all__ = ["Edge", "LocalFit", "LrCurve", "LrPoint", "Noise", "Shape", "UTest"]

Edge = Literal["none", "low", "high", "bounded_by_divergence", "soft"]
Shape = Literal["u", "flat", "monotone", "several_minima", "too_few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LrPoint:
    """All runs of one curve at one learning rate (values within 1 % are one).

    Attributes:
        learning_rate: Configured peak learning rate.
        mean: Mean metric over the finite runs, in the metric's unit; None when every run diverged.
        sd: Standard deviation between those runs (ddof=1); None below two runs.
        n: Runs in the mean.
        n_diverged: Runs that diverged or ended non-finite; they are in no mean.
        values: The finite values, one per run, in the order of `run_ids`.
        run_ids: The runs in the mean.
        diverged_run_ids: The runs that diverged.
        seeds: Seeds of the runs in the mean, in the order of `run_ids`; None where a run names none.
    """

    learning_rate: float
    mean: float | None
    sd: float | None
    n: int
    n_diverged: int
    values: tuple[float, ...] = ()
    run_ids: tuple[str, ...] = ()
    diverged_run_ids: tuple[str, ...] = ()
    seeds: tuple[GroupValue, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Returns the point under its documented JSON keys."""
        return {
            "learning_rate": self.learning_rate,
            "mean": self.mean,
            "sd": self.sd,
            "n": self.n,
            "n_diverged": self.n_diverged,
            "run_ids": [*self.run_ids, *self.diverged_run_ids],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Run-to-run noise of the metric, pooled over the learning rates around the best one.

    Attributes:
        sd: Standard deviation, in the metric's unit; where the seeds are shared, without what a seed shifts everywhere.
        dof: Degrees of freedom behind it.
    """

    sd: float
    dof: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LrCurve:
    """One U-curve and what it says. Every learning rate is a configured peak.

    Attributes:
        metric: Name of the metric on the y axis.
        direction: Whether the best value is the lowest (`min`, losses) or the highest.
        group: What tells this curve from the others (only what varies, or what was asked for).
        label: The group as text.
        points: In ascending learning rate.
        n_runs: Runs that entered (finished or diverged).
        n_running: Runs still queued or running; not in any point.
        n_left_out: Runs that cannot enter (failed, stopped, without the metric or without a learning rate).
        argmin_lr: Best learning rate tried, by mean.
        optimum_lr: Estimated optimum: vertex of the local fit, else the best tried; None where the data bracket none.
        optimum_method: How `optimum_lr` was found, or why it is None.
        optimum_se_ln: Standard error of ln(optimum_lr), in natural log; None where it is unknown.
        interval: 95 % interval of the optimum, or None.
        interval_method: Its method, or why there is none.
        share_unbracketed: Share of resamples of the seeds in which the window does not bracket a minimum; None where
            none were drawn.
        u_test: p-values of a U around the best, or None without replicates.
        edge: Whether the minimum is bracketed by what was tried.
        shape: What the points look like.
        flat_region: Learning rates within max(1 SE, 0.5 %) of the best, or None.
        recommendation: The published rule's answer for the group's model, or None when the model is unknown.
        regret_of_recommended: (value there - best) / best, or None with the reason in `regret_method`.
        regret_of_recommended_absolute: The same difference in the metric's unit.
        regret_method: How the regret was found, or why there is none.
        next_learning_rates: What to try next, ascending.
        noise: Run-to-run noise, or None when nothing says how large it is.
        fit: The local fit, for drawing; None when there is none.
        lr_step: Typical ratio between neighbouring learning rates, which sets the digits worth printing; None for one.
        warnings: Whole sentences.
    """

    metric: str
    direction: Direction
    group: Group
    label: str
    points: tuple[LrPoint, ...]
    n_runs: int
    n_running: int
    n_left_out: int
    argmin_lr: float | None
    optimum_lr: float | None
    optimum_method: str
    optimum_se_ln: float | None
    interval: tuple[float, float] | None
    interval_method: str
    share_unbracketed: float | None
    u_test: UTest | None
    edge: Edge
    shape: Shape
    flat_region: tuple[float, float] | None
    recommendation: RecommendedLr | None
    regret_of_recommended: float | None
    regret_of_recommended_absolute: float | None
    regret_method: str
    next_learning_rates: tuple[float, ...]
    noise: Noise | None
    fit: LocalFit | None
    lr_step: float | None
    warnings: tuple[str, ...]

    @property
    def recommended_lr(self) -> float | None:
        """The recommended learning rate, or None where no rule covers the model."""
        return self.recommendation.learning_rate if self.recommendation else None

    @property
    def interval_name(self) -> str:
        """What the interval may be called: without replicates it only says how well the fit is determined."""
        return "95 % interval" if self.noise else "95 % fit interval"

    @property
    def best_mean(self) -> float | None:
        """Mean metric at `argmin_lr`."""
        return next((point.mean for point in self.points if point.learning_rate == self.argmin_lr), None)

    def to_json(self) -> dict[str, object]:
        """Returns the curve under its documented JSON keys."""
        recommendation = self.recommendation
        return {
            "metric": self.metric,
            "direction": self.direction,
            "group": dict(self.group),
            "label": self.label,
            "points": [point.to_json() for point in self.points],
            "n_runs": self.n_runs,
            "n_running": self.n_running,
            "n_left_out": self.n_left_out,
            "argmin_lr": self.argmin_lr,
            "optimum_lr": self.optimum_lr,
            "optimum_method": self.optimum_method,
            "optimum_se_ln": self.optimum_se_ln,
            "interval": list(self.interval) if self.interval else None,
            "interval_method": self.interval_method,
            "share_unbracketed": self.share_unbracketed,
            "u_test": self.u_test.to_json() if self.u_test else None,
            "fit": self.fit.to_json() if self.fit else None,
            "edge": self.edge,
            "shape": self.shape,
            "flat_region": list(self.flat_region) if self.flat_region else None,
            "recommended_lr": self.recommended_lr,
            "recommendation": recommendation.to_json() if recommendation else None,
            "regret_of_recommended": self.regret_of_recommended,
            "regret_of_recommended_absolute": self.regret_of_recommended_absolute,
            "regret_method": self.regret_method,
            "next_learning_rates": list(self.next_learning_rates),
            "noise_sd": self.noise.sd if self.noise else None,
            "warnings": list(self.warnings),
        }
