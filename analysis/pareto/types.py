"""Objectives and results of a Pareto analysis: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.runs.configuration import Group, GroupValue
from analysis.runs.direction import Direction

ObjectiveScale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is wanted: `name` of the column that holds it, its direction, and the scale on which distances count."""

    name: str
    direction: Direction
    scale: ObjectiveScale = "linear"

    @property
    def sign(self) -> float:
        """1 where lower is better, else -1: times this, lower is better everywhere."""
        return 1.0 if self.direction == "min" else -1.0

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {"name": self.name, "direction": self.direction, "scale": self.scale}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoPoint:
    """One configuration with its means.

    Attributes:
        trial_key: Hash of the configuration without the seed.
        name: Short text that tells it from the others.
        config: The hyperparameters that vary.
        values: Objective -> mean over its runs, in the objective's own unit.
        n: Runs in the means.
        on_front: Whether no other configuration is as good in every objective and better in one.
        same_as: Configurations with exactly the same values, of which the front shows this one only.
        p_front: Probability that it is on the front; None without replicates.
        run_ids: Its runs.
    """

    trial_key: str
    name: str
    config: Mapping[str, GroupValue]
    values: Mapping[str, float]
    n: int
    on_front: bool
    same_as: tuple[str, ...]
    p_front: float | None
    run_ids: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "trial_key": self.trial_key,
            "name": self.name,
            "config": dict(self.config),
            "values": dict(self.values),
            "n": self.n,
            "same_as": list(self.same_as),
            "p_front": self.p_front,
            "run_ids": list(self.run_ids),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A point to take: the `rule` that chose it, in words, and its trial key, or None with the `reason`."""

    rule: str
    trial_key: str | None
    reason: str = ""

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {"rule": self.rule, "trial_key": self.trial_key, "reason": self.reason or None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The front of one comparable group.

    Attributes:
        group: What tells this group from the others; empty when there is only one.
        label: The group as text.
        points: Every configuration that has all objectives, by the first objective, the best first.
        hypervolume: Share of the box between the best values seen and the reference that the front dominates, in
            [0, 1]; None where there is no box.
        hypervolume_reason: What the number means here, or why there is none.
        reference: Objective -> the value beyond which nothing counts, in its own unit; None where there is no point.
        picks: Points to take.
        n_left_out: Runs that cannot enter: not finished, or without a finite value of an objective.
        warnings: Whole sentences.
    """

    group: Group
    label: str
    points: tuple[ParetoPoint, ...]
    hypervolume: float | None
    hypervolume_reason: str
    reference: Mapping[str, float] | None
    picks: tuple[Pick, ...]
    n_left_out: int
    warnings: tuple[str, ...]

    @property
    def front(self) -> tuple[ParetoPoint, ...]:
        """The points on the front."""
        return tuple(point for point in self.points if point.on_front)

    @property
    def n_dominated(self) -> int:
        """Configurations that another one beats; those that equal a point of the front are not among them."""
        n_equal = sum(len(point.same_as) for point in self.front)
        return len(self.points) - len(self.front) - n_equal

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "group": dict(self.group),
            "label": self.label,
            "front": [point.to_json() for point in self.front],
            "hypervolume": self.hypervolume,
            "hypervolume_reason": self.hypervolume_reason,
            "reference": None if self.reference is None else dict(self.reference),
            "picks": [pick.to_json() for pick in self.picks],
            "n_dominated": self.n_dominated,
            "n_left_out": self.n_left_out,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoFronts:
    """The objectives, and one front per group of runs whose values compare; `overall` is the only one, or empty."""

    objectives: tuple[Objective, ...]
    overall: Front
    groups: tuple[Front, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys; `groups` holds one front per comparable group."""
        return {
            "objectives": [objective.to_json() for objective in self.objectives],
            **self.overall.to_json(),
            "groups": [front.to_json() for front in self.groups],
        }
