"""A report as one HTML file that needs nothing else and asks nobody for anything."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from analysis.figures.embed import plotly_script
from analysis.reports.assets import read_asset, script_policy, template_named, to_script_json
from analysis.reports.cells import format_cells, is_number_column
from analysis.reports.types import Report, Table

FACTS_ID: Final = "ucurve-facts"
MADE_ID: Final = "ucurve-made"


def render_html(report: Report) -> str:
    """Returns the report as HTML.

    The only scripts that run are ours and plotly.js, each named by its hash in the page's policy; plotly.js travels
    compressed, or it would be most of the file. Two renders of one report are the same but for the line with `made_at`.
    """
    script = read_asset("report.js")
    drawings = [{"light": figure.drawing.light, "dark": figure.drawing.dark} for figure in report.figures]
    return template_named("report.html.j2").render(
        report=report,
        figures=to_script_json(drawings),
        facts=to_script_json(report.facts),
        show_table=_shown,
        policy=script_policy(script, plotly_script()),
        style=read_asset("report.css"),
        script=script,
        plotly=_packed_plotly(),
        facts_id=FACTS_ID,
        made_id=MADE_ID,
    )


@dataclass(frozen=True)
class ShownTable:
    """A table as texts: headers, whether each column is flush right, rows, and how many rows are not shown."""

    headers: Sequence[str]
    right: Sequence[bool]
    rows: Sequence[Sequence[str]]
    n_more: int


def _shown(table: Table) -> ShownTable:
    frame = table.shown
    return ShownTable(
        headers=[str(name).replace("_", " ") for name in frame.columns],
        right=[is_number_column(frame.iloc[:, at]) for at in range(frame.shape[1])],
        rows=format_cells(frame),
        n_more=len(table.frame) - len(frame),
    )


@lru_cache(1)
def _packed_plotly() -> str:
    """plotly.js, compressed: the same bytes every time."""
    return base64.b64encode(gzip.compress(plotly_script().encode(), compresslevel=9, mtime=0)).decode()
