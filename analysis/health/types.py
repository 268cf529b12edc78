"""Results of the data health check: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.runs.configuration import Group
from analysis.runs.direction import Direction

Severity = Literal["problem", "remark"]
"""A problem makes numbers wrong or loses finished runs; a remark is worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One run that enters no mean.

    Attributes:
        run_id: The run.
        kind: Its status where that excludes it, else `no_learning_rate`, `learning_rate`, `never_logged`, `non_finite`.
        reason: The same as a sentence.
    """

    run_id: str
    kind: str
    reason: str

    def to_json(self) -> dict[str, object]:
        """Returns the exclusion under its documented JSON keys."""
        return {"run_id": self.run_id, "kind": self.kind, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about the data.

    Attributes:
        kind: Short name of what was looked for.
        severity: Whether it makes numbers wrong.
        message: What was found, as a sentence.
        run_ids: The runs it is about, sorted; empty where it is about none in particular.
        advice: What to do, as a sentence.
    """

    kind: str
    severity: Severity
    message: str
    run_ids: tuple[str, ...]
    advice: str

    def to_json(self) -> dict[str, object]:
        """Returns the finding under its documented JSON keys."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "n_runs": len(self.run_ids),
            "run_ids": list(self.run_ids),
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCoverage:
    """How many runs logged a metric.

    Attributes:
        metric: Its name.
        n_runs: Runs that logged it in the attempt that counts.
        n_lacking: Finished or diverged runs that did not.
    """

    metric: str
    n_runs: int
    n_lacking: int

    def to_json(self) -> dict[str, object]:
        """Returns the counts under their documented JSON keys."""
        return {"metric": self.metric, "n_runs": self.n_runs, "n_lacking": self.n_lacking}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableGroup:
    """Runs whose losses compare.

    Attributes:
        label: What tells the group from the others, as text.
        group: The same as keys and values.
        n_runs: Its runs, those that still run or diverged included.
        n_used: Those of them that enter a mean.
    """

    label: str
    group: Group
    n_runs: int
    n_used: int

    def to_json(self) -> dict[str, object]:
        """Returns the group under its documented JSON keys."""
        return {"label": self.label, "group": dict(self.group), "n_runs": self.n_runs, "n_used": self.n_used}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Everything that was found.

    Attributes:
        metric: The metric that decides whether a run is used.
        direction: Whether lower (`min`) or higher values of it are better.
        n_runs: Runs looked at.
        n_used: Runs that enter a mean.
        excluded: All others, each with its reason.
        findings: Problems first.
        coverage: One entry per logged metric.
        groups: Which runs compare with each other.
    """

    metric: str
    direction: Direction
    n_runs: int
    n_used: int
    excluded: tuple[Exclusion, ...]
    findings: tuple[Finding, ...]
    coverage: tuple[MetricCoverage, ...]
    groups: tuple[ComparableGroup, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that make numbers wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "problem")

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """The findings that are worth knowing."""
        return tuple(finding for finding in self.findings if finding.severity == "remark")

    def to_json(self) -> dict[str, object]:
        """Returns the report under its documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "n_runs": self.n_runs,
            "n_used": self.n_used,
            "excluded": [exclusion.to_json() for exclusion in self.excluded],
            "findings": [finding.to_json() for finding in self.findings],
            "coverage": [coverage.to_json() for coverage in self.coverage],
            "groups": [group.to_json() for group in self.groups],
        }
