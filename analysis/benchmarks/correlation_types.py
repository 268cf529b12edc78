"""Rank correlations of a loss with benchmark scores: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.benchmarks.disagreements import Disagreement
from analysis.benchmarks.kendall import Tau
from analysis.benchmarks.types import Floats
from analysis.runs.direction import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTau:
    """One comparable group: its rank correlation, and what picking its best row by the loss costs in score."""

    label: str
    n: int
    tau: Tau
    regret: float | None

    def to_json(self) -> dict[str, object]:
        """Returns the group under its documented JSON keys."""
        return {"label": self.label, "n": self.n, **tau_json(self.tau), "regret": self.regret}


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCorrelation:
    """How well the loss orders the scores of one column; tau is positive where a better loss goes with a better score.

    Attributes:
        column: Key of the column.
        n: Rows with both.
        tau: Over all pairs of rows.
        within: Over pairs inside comparable groups.
        groups: Each comparable group with six rows or more.
        top_tau: Over the quarter of rows with the best loss; None below six.
        n_top: How many these are.
        regret: Best score minus the score of the row with the best loss, never negative; None below two rows.
        regret_stderr: Item error of that difference (unpaired); None where unknown.
        picked: Key of the row with the best loss.
        best: Key of the row with the best score.
        conflict: Whether pooling tells another story than the groups do.
        disagreements: Rows whose score is not what their loss says, beyond what the errors explain.
    """

    column: str
    n: int
    tau: Tau
    within: Tau
    groups: tuple[GroupTau, ...]
    top_tau: float | None
    n_top: int
    regret: float | None
    regret_stderr: float | None
    picked: str | None
    best: str | None
    conflict: bool
    disagreements: tuple[Disagreement, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the correlation under its documented JSON keys."""
        return {
            "column": self.column,
            "n": self.n,
            **tau_json(self.tau),
            "within": tau_json(self.within),
            "groups": [group.to_json() for group in self.groups],
            "top_tau": self.top_tau,
            "n_top": self.n_top,
            "regret": self.regret,
            "regret_stderr": self.regret_stderr,
            "picked": self.picked,
            "best": self.best,
            "conflict": self.conflict,
            "disagreements": [found.to_json() for found in self.disagreements],
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossCorrelations:
    """The correlations of all columns.

    Attributes:
        metric: The loss.
        direction: Whether lower or higher values of it are better.
        group_keys: What tells the comparable groups apart.
        losses: One per row of the matrix, the mean over its runs; NaN where unknown.
        labels: The group of each row.
        columns: One per column of the matrix.
    """

    metric: str
    direction: Direction
    group_keys: tuple[str, ...]
    losses: Floats
    labels: tuple[str, ...]
    columns: tuple[LossCorrelation, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the correlations under their documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "group_keys": list(self.group_keys),
            "losses": self.losses,
            "columns": [column.to_json() for column in self.columns],
        }


def tau_json(tau: Tau) -> dict[str, object]:
    """Returns a rank correlation under its documented JSON keys."""
    return {"tau": tau.value, "low": tau.low, "high": tau.high, "interval_method": tau.method}
