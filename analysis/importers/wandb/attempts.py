"""The logs of one run as its attempts: which went on where another had stopped, and which began anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.result import RowProblem
from analysis.importers.wandb.identity import MARKED_ROWS, twin_marks
from analysis.importers.wandb.internal import is_fork
from analysis.importers.wandb.media import MediaValue, fold_media
from analysis.importers.wandb.tables import fetch_beside, with_tables
from analysis.importers.wandb.values import Values, continued, shown_names, to_values
from analysis.importers.wandb_log import LoggedRun, LogPart, RunFacts, RunLog, read_part


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process of a run.

    Attributes:
        number: From 1.
        log: What its log says, without the history.
        values: What it logged; of one that went on, also what was before.
        marks: Its part of `SourceRun.marks`.
        went_on_at: The step at which it continued the attempt before; None where it began anew.
        lacks_start: It went on, but nothing of what was before is here.
        problems: Tables that could not be had.
    """

    number: int
    log: RunLog
    values: Values
    marks: tuple[str, ...]
    went_on_at: int | None
    lacks_start: bool
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One log, its values not yet named."""

    number: int
    log: RunLog
    history: pa.Table
    media: list[MediaValue]
    marks: tuple[str, ...]
    problems: tuple[RowProblem, ...]

    @property
    def keys(self) -> list[str]:
        logged: list[str] = self.history["key"].combine_chunks().dictionary.to_pylist()
        return logged + [value.name for value in self.media]


def read_attempts(run: LoggedRun, *, now: float | None, progress: Callable[[int], None]) -> list[Attempt]:
    """All attempts in their order; `now` and `progress` as for `read_run_log`."""
    reads: list[_Read] = []
    n_before = 0
    for part in run.parts:
        reads.append(_read(run, part, now, partial(_add, progress, n_before)))
        n_before += reads[-1].log.n_rows
    names = shown_names(dict.fromkeys(key for read in reads for key in read.keys))
    attempts: list[Attempt] = []
    for read in reads:
        own = to_values(read.history, read.media, attempt=read.number, started=_started(read.log), names=names)
        attempts.append(_attempt(read, own, attempts))
    return attempts


def _add(progress: Callable[[int], None], n_before: int, n_rows: int) -> None:
    progress(n_before + n_rows)


def _started(log: RunLog) -> float | None:
    return log.facts.start_time.timestamp() if log.facts and log.facts.start_time else None


def _read(run: LoggedRun, part: LogPart, now: float | None, progress: Callable[[int], None]) -> _Read:
    log = read_part(part, now=now, progress=progress)
    history, media = fold_media(log.history)
    folders = dict.fromkeys(path.parent / "files" for path in _paths(log, part))
    media, problems = with_tables(media, fetch_beside(list(folders)))
    marks = _marks(run, log.history)
    return _Read(part.attempt, replace(log, history=log.history.schema.empty_table()), history, media, marks, problems)


def _paths(log: RunLog, part: LogPart) -> Iterable[Path]:
    """The log that was read, then its copies: the files beside any of them are the same."""
    yield log.path
    for candidate in part.candidates:
        yield from (candidate.path, *candidate.copies)


def _attempt(read: _Read, own: Values, before: Sequence[Attempt]) -> Attempt:
    first_step = _went_on_at(read.log.facts, own, before)
    values = own
    if first_step is not None and before:
        values = continued(before[-1].values, own, attempt=read.number, first_step=first_step)
    lacks_start = bool(first_step) and _first_step(values) == _first_step(own)
    return Attempt(
        number=read.number,
        log=read.log,
        values=values,
        marks=read.marks,
        went_on_at=first_step,
        lacks_start=lacks_start,
        problems=read.problems,
    )


def _went_on_at(facts: RunFacts | None, own: Values, before: Sequence[Attempt]) -> int | None:
    """The step at which a log goes on with what was before; None where it begins anew.

    It goes on where the client says so, and where its steps begin behind all earlier ones: nobody says so offline, but
    the user's own step numbers do.
    """
    if facts is None or is_fork(facts):
        return None
    first = _first_step(own)
    told = _told_step(facts)
    if told is not None:
        return told if first is None else min(told, first)
    last = _last_step(before[-1].values) if before else None
    return first if first is not None and last is not None and first > last else None


def _told_step(facts: RunFacts) -> int | None:
    """The first step of a process that the server let go on, None where it began anew."""
    if facts.starting_step > 0:
        return facts.starting_step
    if facts.parent_run_id is not None and facts.fork_step is not None and math.isfinite(facts.fork_step):
        return int(facts.fork_step) + 1
    return None


def _first_step(values: Values) -> int | None:
    steps = [pc.min(table["step"]).as_py() for table in (values.history, values.objects)]
    return min((step for step in steps if step is not None), default=None)


def _last_step(values: Values) -> int | None:
    steps = [pc.max(table["step"]).as_py() for table in (values.history, values.objects)]
    return max((step for step in steps if step is not None), default=None)


def _marks(run: LoggedRun, history: pa.Table) -> tuple[str, ...]:
    """Of the rows that this process logged itself."""
    first = pc.unique(history["step"].slice(0, 1000))[:MARKED_ROWS]
    rows = [history.filter(pc.equal(history["step"], step))["timestamp"][0].as_py() for step in first]
    return twin_marks(run.project, run.run_id, rows)
