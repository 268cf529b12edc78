"""Results of the regret of a rule: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.lr_curves.types import Edge
from analysis.runs.configuration import Group
from analysis.runs.direction import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class RegretSummary:
    """Relative regrets of several curves.

    Attributes:
        n_curves: Curves whose relative regret is known.
        share_below: Share of them below the threshold; None without any.
        median: Their median; None without any.
        max: The largest; None without any.
    """

    n_curves: int
    share_below: float | None
    median: float | None
    max: float | None

    def to_json(self) -> dict[str, object]:
        """Returns the summary under its documented JSON keys."""
        return {
            "n_curves": self.n_curves,
            "share_below": self.share_below,
            "median": self.median,
            "max": self.max,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRegret:
    """What the judged learning rate costs on one curve.

    Attributes:
        group: What tells the curve from the others.
        label: The group as text.
        learning_rate: What was judged; None where the rule has no number for the model.
        regret: (loss there - lowest) / lowest, inside the curve; None where refused or meaningless.
        regret_absolute: The same difference in the metric's unit; None where refused.
        regret_best_rank: The same, against the lowest loss of any LoRA rank; None where ranks are no curves.
        regret_halves: Regret in the metric's unit without the winner's curse; None without replicates.
        method: How the regret was found, or why it was refused.
        argmin_lr: Best learning rate tried.
        edge: Whether the curve's minimum is bracketed.
        n_runs: Runs of the curve.
    """

    group: Group
    label: str
    learning_rate: float | None
    regret: float | None
    regret_absolute: float | None
    regret_best_rank: float | None
    regret_halves: float | None
    method: str
    argmin_lr: float | None
    edge: Edge
    n_runs: int

    def to_json(self) -> dict[str, object]:
        """Returns the regret under its documented JSON keys."""
        return {
            "group": dict(self.group),
            "label": self.label,
            "learning_rate": self.learning_rate,
            "regret": self.regret,
            "regret_absolute": self.regret_absolute,
            "regret_best_rank": self.regret_best_rank,
            "regret_halves": self.regret_halves,
            "method": self.method,
            "argmin_lr": self.argmin_lr,
            "edge": self.edge,
            "n_runs": self.n_runs,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRegret:
    """What a rule, or one learning rate, costs on every curve.

    Attributes:
        metric: Name of the metric.
        direction: Whether lower or higher is better.
        rule: What was judged, as text.
        threshold: Relative regrets below this are small.
        n_curves: Curves with finished or diverged runs.
        n_refused: Those whose regret was not computed.
        refusals: Reason -> number of curves.
        inside_rank: Regrets against the best of the same curve.
        best_rank: Regrets against the best of any LoRA rank; None where ranks are no curves.
        median_absolute: Median regret in the metric's unit.
        max_absolute: Largest regret in the metric's unit.
        median_halves: Median of the regrets without the winner's curse, in the metric's unit.
        per_curve: In the order of the curves.
        notes: Sentences that a careful reader should know.
    """

    metric: str
    direction: Direction
    rule: str
    threshold: float
    n_curves: int
    n_refused: int
    refusals: Mapping[str, int]
    inside_rank: RegretSummary
    best_rank: RegretSummary | None
    median_absolute: float | None
    max_absolute: float | None
    median_halves: float | None
    per_curve: tuple[CurveRegret, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the regrets under their documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "rule": self.rule,
            "threshold": self.threshold,
            "n_curves": self.n_curves,
            "n_refused": self.n_refused,
            "refusals": dict(self.refusals),
            "share_below": self.inside_rank.share_below,
            "median": self.inside_rank.median,
            "max": self.inside_rank.max,
            "best_rank": self.best_rank.to_json() if self.best_rank else None,
            "median_absolute": self.median_absolute,
            "max_absolute": self.max_absolute,
            "median_halves": self.median_halves,
            "per_curve": [item.to_json() for item in self.per_curve],
            "notes": list(self.notes),
        }
