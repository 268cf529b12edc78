"""The U-curves: figure, what each says, and every point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.figures.lr_curve import plot_lr_curves
from analysis.figures.valley import valley_range
from analysis.lr_curves.sentences import count_runs_text, optimum_text, recommended_text, short_sentences
from analysis.lr_curves.tables import curve_table, point_table
from analysis.reports.evidence import Evidence
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Bullets, Heading, Table, Text

_MOST_CURVES: Final = 8
"""Curves that get words of their own; of more there is a table (our choice, as on the page Learning rate)."""

_MOST_DRAWN: Final = 60
"""Curves in one chart: more cannot be told apart, and a browser takes long to draw them (our choice)."""


def curve_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the U-curves."""
    curves = [curve for curve in evidence.curves if curve.points]
    if not curves:
        yield Text("No run with a learning rate has finished or diverged yet.")
        return
    drawn = curves[:_MOST_DRAWN]
    valley = valley_range(drawn)
    first = f": the first {len(drawn)} of {len(curves):,} curves" if len(curves) > len(drawn) else ""
    yield make_figure(
        lambda theme: plot_lr_curves(drawn, theme=theme),
        name="lr-curve",
        title=f"{evidence.metric} against learning rate{first}" + ("; the axis frames the valley" if valley else ""),
        alt=f"{evidence.metric} against learning rate, {len(drawn)} curves",
        height=500,
        y_range=valley,
        table=Table("lr-points", "Every point of the U-curves", point_table(curves), only_in_files=("run_ids",)),
    )
    if len(curves) > _MOST_CURVES:
        yield Table("lr-curves", "What each U-curve says", curve_table(curves))
        return
    for curve in curves:
        yield Heading(curve.label)
        if curve.warnings:
            yield Bullets(curve.warnings, "warning")
        yield Bullets((count_runs_text(curve), *short_sentences(curve)))
        yield Text(f"{optimum_text(curve)} {recommended_text(curve)}", "small")
    yield Table("lr-curves", "What each U-curve says, as numbers", curve_table(curves), is_folded=True)
