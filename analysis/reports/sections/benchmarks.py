"""Benchmark scores: the heatmap, whom the aggregates name, and what is wrong with the scores."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.benchmarks.report import default_sort, sort_rows
from analysis.benchmarks.tables import cell_table
from analysis.figures.benchmark_heatmap import MOST_ROWS, chart_height, plot_benchmark_heatmap, row_range
from analysis.reports.evidence import Evidence
from analysis.reports.sections.figure import make_figure
from analysis.reports.types import Block, Bullets, Table, Text


def benchmark_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields what the runs score."""
    found = evidence.benchmarks
    if found is None:
        yield Text("No run of this report has a benchmark score.")
        return
    order = sort_rows(found, default_sort(found))
    yield Bullets((*found.verdict, found.coverage))
    if found.flags:
        yield Bullets(tuple(flag.text for flag in found.flags), "warning")
    yield make_figure(
        lambda theme: plot_benchmark_heatmap(found, order=order, theme=theme),
        name="benchmarks",
        title="Scores by configuration and benchmark; a cross is a cell that was not measured",
        alt=f"Scores of {len(found.matrix.rows)} rows on {len(found.matrix.columns)} benchmarks",
        height=chart_height(found),
        y_range=row_range(len(order)),
        table=Table(
            "benchmark-cells", "Every score", cell_table(found, order[:MOST_ROWS]), only_in_files=("key", "step")
        ),
    )
