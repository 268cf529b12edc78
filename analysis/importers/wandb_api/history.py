"""The whole history of one run: what was exported, then pages, then the same more carefully until the counts agree."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.importers.result import Verdict
from analysis.importers.wandb_api.cells import Cells
from analysis.importers.wandb_api.client import Client
from analysis.importers.wandb_api.exports import read_exports
from analysis.importers.wandb_api.pages import Span, page_width, read_pages
from analysis.importers.wandb_api.remote_run import RemoteRun, history_count
from analysis.importers.wandb_api.trouble import ServerTrouble

_SMALL_PAGE: Final = 100


@dataclass(slots=True)
class HistoryRead:
    """What was read.

    Attributes:
        run: The run as the server described it last.
        expected: Rows that the server says it has, None where it does not say.
        trouble: Why reading ended early.
        notes: What was done about faults of the server.
    """

    run: RemoteRun
    cells: Cells
    expected: int | None
    trouble: ServerTrouble | None = None
    n_bad_lines: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_short(self) -> bool:
        """Whether rows are known to be missing, or nobody knows how many there are."""
        last = self.run.last_step
        n_rows = self.cells.n_rows
        return self.expected is None or n_rows < self.expected or (last is not None and self.cells.last_step < last)

    @property
    def is_outdated(self) -> bool:
        """Whether there are rows that the run has no more."""
        last = self.run.last_step
        too_many = self.expected is not None and self.cells.n_rows > self.expected
        return too_many and last is not None and self.cells.last_step > last

    def judge(self) -> tuple[Verdict, str | None]:
        """The verdict on the rows alone, and its reason."""
        n_rows = self.cells.n_rows
        if self.trouble is not None:
            return "partial", f"{n_rows:,} of {_count(self.expected)} rows came, then: {self.trouble}"
        if self.expected is None:
            return "unverified", f"the server does not say how many rows the run has; {n_rows:,} came"
        if n_rows < self.expected:
            return "partial", f"the server says that the run has {self.expected:,} rows, and gave {n_rows:,} of them"
        if n_rows > self.expected:
            reason = f"the server gave {n_rows:,} rows, but says that the run has {self.expected:,}"
            return "partial", f"{reason}: some may be left from before the run was set back to an earlier step"
        if self.n_bad_lines or self.cells.n_without_step:
            n_lost = self.n_bad_lines + self.cells.n_without_step
            return "partial", f"{n_lost:,} rows of the server's answer are not readable or have no step"
        return "complete", None


def read_history(client: Client, run: RemoteRun, progress: Callable[[int], None]) -> HistoryRead:
    """All rows that can be had.

    Raises:
        Deleted: the run is gone.
    """
    read = HistoryRead(run, Cells(), history_count(run.node))
    if read.expected == 0 and run.last_step is None:
        return read
    with tempfile.TemporaryDirectory(prefix="ucurve-wandb-history-") as folder:
        exported = read_exports(client, run, Path(folder) / "files", read.cells, progress)
    if read.is_outdated:
        read.cells = Cells()
        read.notes.append("the exported history is from before the run was set back to an earlier step")
    try:
        for span in _spans(read, exported.is_sound):
            if not read.is_short:
                break
            read.n_bad_lines = read_pages(client, read.run, span, read.cells, progress)
        if read.expected is not None and read.cells.n_rows != read.expected:
            _look_again(client, read)
    except ServerTrouble as trouble:
        read.trouble = trouble
    if exported.note is not None:
        read.notes.append(f"{exported.note}; its rows were read page by page")
    return read


def _spans(read: HistoryRead, is_sound: bool) -> Iterator[Span]:
    """What to read in turn: the rows behind the exports, then all of them, with more and more requests."""
    last = read.run.last_step
    width = page_width(last, read.expected)
    start = read.cells.last_step + 1 if is_sound else 0
    small = page_width(last, read.expected, rows=_SMALL_PAGE)
    yield Span(start=start, last=last, width=width, careful=last is None or read.expected is None)
    if read.expected is not None:  # else nothing says that a row is missing
        yield Span(start=start, last=last, width=width, careful=True)
        yield Span(start=0, last=last, width=small, careful=True)


def _look_again(client: Client, read: HistoryRead) -> None:
    """A run that goes on has other counts by now; rows that it logged since are for the next import."""
    run, before, n_rows = read.run, read.expected, read.cells.n_rows
    read.run = client.run(run.entity, run.project, run.run_id)
    now = history_count(read.run.node)
    has_grown = before is not None and now is not None and before <= n_rows <= now
    read.expected = n_rows if has_grown else now


def _count(expected: int | None) -> str:
    return "an unknown number of" if expected is None else f"{expected:,}"
