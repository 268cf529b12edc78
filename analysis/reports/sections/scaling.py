"""Optimal learning rate against batch size."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.figures.batch_scaling import plot_batch_scaling
from analysis.reports.evidence import Evidence
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Bullets, Table, Text
from analysis.scaling.sentences import method_sentences
from analysis.scaling.tables import left_out_table, point_table, setting_table


def scaling_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the law, its chart, its settings and what was left out."""
    found = evidence.scaling
    yield Text(found.headline, "headline")
    yield Text(found.context)
    if found.warnings:
        yield Bullets(found.warnings, "warning")
    places = {point.x for one in found.settings for point in one.points}
    if len(places | {one.x for one in found.left_out if one.bound and one.x}) > 1:
        yield make_figure(
            lambda theme: plot_batch_scaling(found, theme=theme),
            name="batch-scaling",
            title=f"Optimal learning rate against {found.batch_axis}",
            alt=f"Optimal learning rate against {found.batch_axis}. {found.headline}",
            height=460,
            table=Table("batch-scaling-points", "Every optimum in the chart", point_table(found)),
        )
        if found.settings:
            yield Table("batch-scaling-settings", "The exponent of each setting alone", setting_table(found))
        yield Text(" ".join(method_sentences(found)), "small")
    if found.left_out:
        table = left_out_table(found.left_out, found.batch_axis)
        yield Table("batch-scaling-left-out", "Curves that give no optimum", table, is_folded=True)
