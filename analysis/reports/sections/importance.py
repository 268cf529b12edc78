"""What matters: how much of the difference between trials each hyperparameter explains."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.figures.importance import plot_importance
from analysis.importance.tables import importance_table, pair_table
from analysis.importance.types import GroupImportance
from analysis.reports.evidence import Evidence
from analysis.reports.names import numbered
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Bullets, Heading, Table, Text


def importance_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields one analysis per comparable group that is shown in full."""
    groups = evidence.importances
    if not groups:
        yield Text("No finished or diverged run yet.")
    for at, group in enumerate(groups):
        if len(groups) > 1:
            yield Heading(group.label)
        yield from _one(group, at, len(groups))


def _one(group: GroupImportance, at: int, n: int) -> Iterator[Block]:
    yield Text(group.summary)
    if group.warnings:
        yield Bullets(group.warnings, "warning")
    if not group.importances:
        return
    yield make_figure(
        lambda theme: plot_importance(group, theme=theme),
        name=numbered("importance", at, n),
        title="Share of the variance between trials that one hyperparameter alone explains (fANOVA)",
        alt=group.summary,
        height=170 + 52 * (min(len(group.importances), 12) + 1),
        table=Table(
            numbered("importance-shares", at, n), "Every share with its 95 % interval", importance_table(group)
        ),
    )
    if group.pairs:
        title = "What two explain together beyond their own shares"
        yield Table(numbered("importance-pairs", at, n), title, pair_table(group), is_folded=True)
    exact = "exact, every combination was run" if group.method == "factorial" else "estimated by a random forest"
    yield Text(f"Shares: {exact}. Intervals: {group.interval_method}.", "small")
