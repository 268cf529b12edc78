"""Everything that the sections of one report look at, each read or computed once and only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from analysis.benchmarks.in_view import read_in_view
from analysis.benchmarks.report import BenchmarkReport, report_benchmarks
from analysis.errors import NotEnoughRuns, UcurveError
from analysis.health.exclusions import explain_exclusions
from analysis.health.types import Exclusion
from analysis.importance.compute import compute_importance
from analysis.importance.types import GroupImportance
from analysis.lr_curves.compute import compute_lr_curves
from analysis.lr_curves.types import LrCurve
from analysis.ranking.rank import rank_configurations
from analysis.ranking.types import BestConfiguration, Ranking
from analysis.reports.order import ReportOrder
from analysis.runs.direction import Direction, direction_of
from analysis.scaling.batch_scaling import BatchScaling, compute_batch_scaling
from analysis.store import Snapshot

MOST_GROUPS: Final = 6
"""Groups of comparable runs that a report shows in full; of more it has a table of all winners (our choice)."""
_MOST_SWEEPS: Final = 20


@dataclass(frozen=True)
class Evidence:
    """One look at a store, for one report.

    Attributes:
        snapshot: What everything is read from.
        order: What was asked for.
    """

    snapshot: Snapshot
    order: ReportOrder

    @property
    def metric(self) -> str:
        """What configurations are judged by."""
        return self.order.metric

    @cached_property
    def direction(self) -> Direction:
        """Whether lower or higher values of the metric are better."""
        return self.order.direction or direction_of(self.metric, self.snapshot.metric_directions())

    @cached_property
    def results(self) -> pd.DataFrame:
        """One row per run, as `Snapshot.results`.

        Raises:
            NotEnoughRuns: no run fits.
            UcurveError: no run has logged the metric.
        """
        found = self.snapshot.results(self.metric, self.order.conditions())
        if found.empty:
            raise NotEnoughRuns(self._why_empty())
        if not found["n_logged"].any() and self.metric not in self.snapshot.metric_names():
            names = ", ".join(self.snapshot.metric_names()[:_MOST_SWEEPS]) or "none"
            raise UcurveError(f"No run has logged the metric '{self.metric}'; there is: {names}.")
        return found

    @cached_property
    def best(self) -> BestConfiguration:
        """The rankings, one per comparable group."""
        return rank_configurations(self.results, metric=self.metric, direction=self.direction)

    @property
    def rankings(self) -> Sequence[Ranking]:
        """The rankings to show in full."""
        return self.best.groups[:MOST_GROUPS]

    @cached_property
    def curves(self) -> list[LrCurve]:
        """The U-curves."""
        return compute_lr_curves(self.results, metric=self.metric, direction=self.direction)

    @cached_property
    def scaling(self) -> BatchScaling:
        """Optimal learning rate against batch size."""
        return compute_batch_scaling(self.results, metric=self.metric, direction=self.direction)

    @cached_property
    def importances(self) -> list[GroupImportance]:
        """What matters, in the groups that are shown in full."""
        return [
            group
            for ranking in self.rankings
            for group in compute_importance(
                self.results, metric=self.metric, direction=self.direction, only=ranking.label
            ).groups
        ]

    @cached_property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """Runs that enter no mean, with the reason."""
        return explain_exclusions(self.results, self.metric)

    @cached_property
    def benchmarks(self) -> BenchmarkReport | None:
        """What the runs score; None where none has a score."""
        scores, runs = read_in_view(self.snapshot, self.metric, self.order.conditions())
        if scores.empty:
            return None
        return report_benchmarks(
            scores,
            runs,
            rows="trial",
            metric=self.metric,
            direction=self.direction,
            fetch_items=self.snapshot.eval_items,
        )

    def name_of(self, run_id: str) -> str:
        """A run's name for people, else its id."""
        return self._names.get(run_id, run_id)

    @cached_property
    def _names(self) -> dict[str, str]:
        known = self.results[self.results["name"].notna()]
        return dict(zip(known["run_id"].astype(str), known["name"].astype(str), strict=True))

    def _why_empty(self) -> str:
        everything = self.snapshot.runs()
        sweeps = sorted(everything["sweep_id"].dropna().astype(str).unique())
        unknown = [sweep for sweep in self.order.sweeps if sweep not in sweeps]
        if unknown:
            named = ", ".join(sweeps[:_MOST_SWEEPS]) or "none"
            return f"There is no sweep {unknown[0]!r} in this store; there is: {named}."
        if everything.empty:
            return "The store has no runs yet; a report needs some."
        return f"No run fits the report's conditions; the store has {len(everything):,} runs."
