"""What a report is asked to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.errors import ConfigError
from analysis.reports.types import Facts
from analysis.runs.direction import Direction
from analysis.runs.filters import parse_conditions
from analysis.store import Condition

SECTIONS: Final = {
    "decision": "The question and the decision",
    "runs": "What was run",
    "lr-curve": "U-curves",
    "batch-scaling": "Batch scaling",
    "benchmarks": "Benchmarks",
    "importance": "What matters",
    "loss-curves": "Loss curves",
    "ranking": "The ranking",
    "excluded": "Excluded runs",
    "recipe": "The recipe",
    "provenance": "Provenance",
    "annotations": "What the team has noted",
    "notes": "Reviewer's notes",
}
"""Keys and titles of the sections, in reading order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOrder:
    """What goes into a report.

    Attributes:
        title: Its title; None takes one from what it is about.
        sweeps: Ids of the sweeps; empty means every run that fits `where`.
        where: Conditions as texts, all of which hold.
        metric: What configurations are judged by.
        direction: Whether lower or higher values of it are better; None takes what is known of the metric.
        sections: Keys of `SECTIONS`; they come in reading order whatever their order here.
        notes: The reviewer's own words.
    """

    title: str | None = None
    sweeps: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    metric: str = "eval_loss"
    direction: Direction | None = None
    sections: tuple[str, ...] = tuple(SECTIONS)
    notes: str = ""

    def conditions(self) -> list[Condition]:
        """What a run has to fit to be looked at.

        Raises:
            FilterError: a condition cannot be read.
        """
        conditions = parse_conditions(self.where)
        if self.sweeps:
            conditions.insert(0, Condition("sweep_id", "=", self.sweeps if len(self.sweeps) > 1 else self.sweeps[0]))
        return conditions

    def to_facts(self) -> Facts:
        """What it asked for, as JSON."""
        return {"sweeps": list(self.sweeps), "where": list(self.where), "metric": self.metric}


def read_sections(names: Sequence[str]) -> tuple[str, ...]:
    """The sections of a report in reading order; none named means all.

    Raises:
        ConfigError: there is no section of that name.
    """
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise ConfigError(f"There is no section {unknown[0]!r}; a report can have: {', '.join(SECTIONS)}.")
    return tuple(key for key in SECTIONS if key in names) if names else tuple(SECTIONS)
