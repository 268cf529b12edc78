"""Which configuration to take, by the loss and by the benchmarks: frozen values with their documented JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from analysis.pareto.types import Front
from analysis.runs.direction import Direction

Rule = Literal["loss", "benchmarks", "within"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between two configurations; without `low` and `high` (95 %) its error is unknown, see `method`."""

    value: float
    low: float | None
    high: float | None
    method: str

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The configuration that one rule takes.

    Attributes:
        rule: `loss`: the best loss; `benchmarks`: the best mean over benchmarks; `within`: the best of these means
            among losses within the margin of the best.
        trial_key: Which.
        name: Short text that tells it from the others.
        loss: Mean over its runs.
        benchmark_mean: Mean over benchmarks and runs, 0 is chance and 1 perfect.
        run_ids: Its runs.
        score_gap: Its benchmark mean minus that of the best loss; None for the best loss itself.
        loss_gap: Its loss minus the best loss; likewise.
    """

    rule: Rule
    trial_key: str
    name: str
    loss: float
    benchmark_mean: float
    run_ids: tuple[str, ...]
    score_gap: Gap | None
    loss_gap: Gap | None

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "rule": self.rule,
            "trial_key": self.trial_key,
            "name": self.name,
            "loss": self.loss,
            "benchmark_mean": self.benchmark_mean,
            "run_ids": list(self.run_ids),
            "score_gap": None if self.score_gap is None else self.score_gap.to_json(),
            "loss_gap": None if self.loss_gap is None else self.loss_gap.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChoice:
    """The picks of one group of configurations whose losses compare.

    Attributes:
        front: The Pareto front of loss and benchmark mean; its points are the candidates.
        picks: One per rule; empty without a candidate.
        verdict: Sentences on whether the picks agree, and by how much they do not.
    """

    front: Front
    picks: tuple[Pick, ...]
    verdict: tuple[str, ...]

    @property
    def agree(self) -> bool | None:
        """Whether every rule takes the same configuration; None without a candidate."""
        return len({pick.trial_key for pick in self.picks}) == 1 if self.picks else None

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "group": dict(self.front.group),
            "label": self.front.label,
            "n_candidates": len(self.front.points),
            "agree": self.agree,
            "picks": [pick.to_json() for pick in self.picks],
            "front": [point.to_json() for point in self.front.front],
            "verdict": list(self.verdict),
            "warnings": list(self.front.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to take by the loss, by the benchmarks, and by both.

    Attributes:
        metric: The loss.
        direction: Whether lower or higher values of it are better.
        margin: How far from the best loss the rule `within` goes, as a share of it.
        columns: Keys of the benchmarks in the mean: those that all candidates have.
        left_out: Ids of runs with a loss that lack one of these benchmarks.
        groups: One entry per comparable group.
        reason: Why there is no candidate; empty where there are some.
    """

    metric: str
    direction: Direction
    margin: float
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    groups: tuple[GroupChoice, ...]
    reason: str

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "margin": self.margin,
            "columns": list(self.columns),
            "left_out": list(self.left_out),
            "groups": [group.to_json() for group in self.groups],
            "reason": self.reason or None,
        }
