"""Results of a search comparison: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.runs.configuration import Group
from analysis.runs.direction import Direction

Cost = Literal["tokens_seen", "wall_s", "evaluations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a curve changes; it holds from here up to the next step.

    Attributes:
        cost: What was spent so far, everything included.
        regret: Of the configuration that would have been recommended: its best final estimate minus the best of all,
            in the metric's unit; the median over several searches.
        low: Lower quartile over several searches; the regret itself for one.
        high: Upper quartile.
        run_id: The run whose end changed the recommendation; None over several searches.
    """

    cost: float
    regret: float
    low: float
    high: float
    run_id: str | None

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {"cost": self.cost, "regret": self.regret, "low": self.low, "high": self.high, "run_id": self.run_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCurve:
    """One strategy on one task (comparable group).

    Attributes:
        group: What tells the task from the others; empty when there is only one.
        label: The task as text.
        strategy: Value of the key that tells strategies apart, as text.
        n_searches: How many searches used it.
        n_runs: Their runs that ended, the failed and diverged ones included.
        steps: Ascending in cost; empty before the first complete evaluation.
        total_cost: Up to where the curve is known: what the shortest of its searches spent.
        final_regret: Regret at the end; None without a step.
        normalised_regret: The same as a share of the distance between the task's best and worst configuration.
        area: Mean normalised regret over the costs that all strategies of the task cover, each doubling of the cost
            with the same weight; None where they share no range.
    """

    group: Group
    label: str
    strategy: str
    n_searches: int
    n_runs: int
    steps: tuple[Step, ...]
    total_cost: float
    final_regret: float | None
    normalised_regret: float | None
    area: float | None

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "group": dict(self.group),
            "label": self.label,
            "strategy": self.strategy,
            "n_searches": self.n_searches,
            "n_runs": self.n_runs,
            "steps": [step.to_json() for step in self.steps],
            "total_cost": self.total_cost,
            "final_regret": self.final_regret,
            "normalised_regret": self.normalised_regret,
            "area": self.area,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """What was asked for, one curve per task and strategy, and whole sentences about what to know."""

    metric: str
    direction: Direction
    by: str | None
    cost: Cost
    curves: tuple[SearchCurve, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "by": self.by,
            "cost": self.cost,
            "search": [curve.to_json() for curve in self.curves],
            "warnings": list(self.warnings),
        }
