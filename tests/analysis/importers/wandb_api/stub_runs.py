"""Runs as a W&B server holds them: the truth that the tests compare with, and how a server serves it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
BEGAN = 1_780_000_000.0
"""`_timestamp` of step 0."""


def numbered_rows(steps: Iterable[int]) -> list[Row]:
    """Rows with a loss at every step and an accuracy at every tenth."""
    return [_row(step) for step in steps]


def _row(step: int) -> Row:
    row: Row = {"_step": step, "_timestamp": BEGAN + step, "_runtime": float(step), "loss": 1 / (step + 1)}
    return row | ({"val/acc": step / 10_000} if step % 10 == 0 else {})


@dataclass
class StubRun:
    """One run.

    Attributes:
        rows: What was logged, in the order of the steps.
        exports: Ranges of steps, half open, that stand in one Parquet file each; the rows behind the last one are live.
        exported_rows: Rows of an export from before the run was set back, where they differ.
        files: Name -> content of the run's files.
        line_count: What the server says as `historyLineCount`; None counts the rows.
        fields: Answers that replace those made of the other attributes, by GraphQL field.
        page_cap: Rows that the server puts on one page at most.
        samples_pages: Whether a capped page is spread over its range of steps instead of being its start.
        null_keys: Answer null for `historyKeys`.
        no_live_data: Answer null for `liveData` although there are live rows.
        nan_as_text: Send NaN and infinities on live pages as JSON strings instead of bare words.
        truncate_export: Cut each Parquet file in the middle.
        export_status: HTTP status of the Parquet files.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    project: str = "proj"
    entity: str = "team"
    state: str = "finished"
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    created_at: str = "2026-06-01T10:00:00"
    exports: list[tuple[int, int]] = field(default_factory=list)
    exported_rows: list[Row] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    line_count: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    page_cap: int | None = None
    samples_pages: bool = False
    null_keys: bool = False
    no_live_data: bool = False
    nan_as_text: bool = True
    truncate_export: bool = False
    export_status: int = 200

    @property
    def last_step(self) -> int:
        return max((row["_step"] for row in self.rows), default=-1)

    @property
    def exported_to(self) -> int:
        return max((end for _, end in self.exports), default=0)

    def history_keys(self) -> dict[str, Any] | None:
        return None if self.null_keys or not self.rows else {"lastStep": self.last_step, "sets": [], "keys": {}}

    def node(self) -> dict[str, Any]:
        """The run as the fragments `RunFragment` and `LightweightRunFragment` ask for it."""
        answer = {
            "id": f"storage-{self.name}",
            "projectId": "7",
            "tags": self.tags,
            "name": self.name,
            "displayName": f"name of {self.name}",
            "sweepName": None,
            "state": self.state,
            "config": json.dumps({key: {"value": value, "desc": None} for key, value in self.config.items()}),
            "group": None,
            "jobType": None,
            "commit": None,
            "readOnly": False,
            "createdAt": self.created_at,
            "heartbeatAt": None,
            "description": None,
            "notes": None,
            "systemMetrics": "{}",
            "summaryMetrics": json.dumps(self.summary),
            "historyLineCount": len(self.rows) if self.line_count is None else self.line_count,
            "user": {"name": "Ada", "username": "ada"},
            "historyKeys": self.history_keys(),
        }
        return answer | self.fields

    def page(self, min_step: int, max_step: int, samples: int) -> list[str]:
        """The rows of a range of steps as JSON lines."""
        rows = [row for row in self.rows if min_step <= row["_step"] < max_step]
        most = min(samples, self.page_cap or samples)
        if self.samples_pages and len(rows) > most:
            rows = rows[:: -(-len(rows) // most)]
        return [_line(row, nan_as_text=self.nan_as_text) for row in rows[:most]]

    def live_data(self) -> list[Row] | None:
        if self.no_live_data:
            return None
        live = [row for row in self.rows if row["_step"] >= self.exported_to]
        return [{"_step": live[0]["_step"]}, {"_step": live[-1]["_step"]}] if live else []

    def export(self, number: int) -> bytes:
        """One Parquet file: every column of its range, null where a row lacks it."""
        start, end = self.exports[number]
        exported = self.rows if self.exported_rows is None else self.exported_rows
        rows = [row for row in exported if start <= row["_step"] < end]
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
        sink = io.BytesIO()
        pq.write_table(table, sink)
        content = sink.getvalue()
        return content[: len(content) // 2] if self.truncate_export else content


def _line(row: Row, *, nan_as_text: bool) -> str:
    line = json.dumps(row)
    if nan_as_text:
        for word in ("NaN", "-Infinity", "Infinity"):
            line = line.replace(f": {word}", f': "{word}"')
    return line
