"""From a snapshot to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from analysis.importers.redaction import Redactor
from analysis.reports.cleaning import clean_report
from analysis.reports.evidence import Evidence
from analysis.reports.facts import facts_of
from analysis.reports.order import SECTIONS, ReportOrder
from analysis.reports.sections.benchmarks import benchmark_blocks
from analysis.reports.sections.curves import curve_blocks
from analysis.reports.sections.decision import decision_blocks
from analysis.reports.sections.excluded import excluded_blocks
from analysis.reports.sections.importance import importance_blocks
from analysis.reports.sections.loss_curves import loss_curve_blocks
from analysis.reports.sections.provenance import provenance_blocks
from analysis.reports.sections.ranking import ranking_blocks
from analysis.reports.sections.recipe import recipe_blocks
from analysis.reports.sections.remarks import annotation_blocks, note_blocks
from analysis.reports.sections.scaling import scaling_blocks
from analysis.reports.sections.what_was_run import run_blocks
from analysis.reports.types import Block, Report, Section
from analysis.store import Snapshot
from analysis.wording.plain import count_text, join_text

_WRITERS: Final[Mapping[str, Callable[[Evidence], Iterator[Block]]]] = {
    "decision": decision_blocks,
    "runs": run_blocks,
    "lr-curve": curve_blocks,
    "batch-scaling": scaling_blocks,
    "benchmarks": benchmark_blocks,
    "importance": importance_blocks,
    "loss-curves": loss_curve_blocks,
    "ranking": ranking_blocks,
    "excluded": excluded_blocks,
    "recipe": recipe_blocks,
    "provenance": provenance_blocks,
    "annotations": annotation_blocks,
    "notes": note_blocks,
}
_MOST_NAMED: Final = 3


def compose_report(
    snapshot: Snapshot, order: ReportOrder, *, made_at: datetime | None = None, redactor: Redactor | None = None
) -> Report:
    """Returns the report that was asked for, free of secrets and of characters that would do something.

    Args:
        snapshot: What everything is read from.
        order: What to put into it.
        made_at: When it is made; now by default.
        redactor: Takes secrets out; one that knows those of this process's environment by default.

    Raises:
        NotEnoughRuns: no run fits.
        FilterError: a condition cannot be read or names no column.
        UcurveError: no run has logged the metric.
    """
    evidence = Evidence(snapshot, order)
    sections = []
    for key in SECTIONS:
        blocks = tuple(_WRITERS[key](evidence)) if key in order.sections else ()
        if blocks:
            sections.append(Section(key, SECTIONS[key], blocks))
    report = Report(
        title=order.title or f"Recipe review: {_named(evidence)}",
        subtitle=_subtitle(evidence),
        sections=tuple(sections),
        facts=facts_of(evidence),
        made_at=(made_at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
    )
    return clean_report(report, redactor or Redactor.from_environment())


def _named(evidence: Evidence) -> str:
    """What a report is about: its sweeps, else its models."""
    names = list(evidence.order.sweeps)
    if not names:
        names = sorted(evidence.results["model"].dropna().astype(str).unique()) or ["all runs"]
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return join_text([*names[:_MOST_NAMED], *more])


def _subtitle(evidence: Evidence) -> str:
    where = f", where {' and '.join(evidence.order.where)}" if evidence.order.where else ""
    good = "lower is better" if evidence.direction == "min" else "higher is better"
    return f"{count_text(len(evidence.results), 'run')} by {evidence.metric} ({good}){where}"
