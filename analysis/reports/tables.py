"""The tables behind a report as files: CSV that no spreadsheet runs, or Parquet, with a list of what is what."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final, Literal

import pandas as pd

from analysis.reports.cells import is_missing
from analysis.reports.types import Report
from analysis.wording.spreadsheet import to_csv

TableFormat = Literal["csv", "parquet"]
CONTENTS: Final = ""
"""Name of the table that lists the others."""


def render_tables(report: Report, format: TableFormat) -> Mapping[str, bytes]:
    """Returns the name of each table and its file, every row and digit in it; the list of them first.

    Args:
        report: The report.
        format: `csv` (texts that a spreadsheet would take for a formula get an apostrophe) or `parquet`.
    """
    frames = {table.name: table.frame for _, table in report.tables}
    return {name: _file(frame, format) for name, frame in {CONTENTS: contents_table(report), **frames}.items()}


def contents_table(report: Report) -> pd.DataFrame:
    """One row per table: its name, section, title and size; the first row is the report and when it was made."""
    first = {"table": "", "section": "", "title": f"{report.title}, made {report.made_at}", "rows": 0, "columns": 0}
    rows = [
        {
            "table": table.name,
            "section": section,
            "title": table.title,
            "rows": len(table.frame),
            "columns": table.frame.shape[1],
        }
        for section, table in report.tables
    ]
    return pd.DataFrame([first, *rows])


def _file(frame: pd.DataFrame, format: TableFormat) -> bytes:
    if format == "csv":
        return to_csv(frame).encode()
    buffer = io.BytesIO()
    _storable(frame).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with one type a column: Parquet refuses texts beside numbers, so those columns become text."""
    mixed = [name for name in frame.columns if frame[name].dtype == object and _kinds(frame[name]) > 1]
    return frame.assign(**{name: frame[name].map(_text) for name in mixed})


def _kinds(cells: pd.Series) -> int:
    known = {list if isinstance(cell, list | tuple) else type(cell) for cell in cells if not is_missing(cell)}
    return len(known)


def _text(cell: object) -> str | None:
    return None if is_missing(cell) else str(cell)
