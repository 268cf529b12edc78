"""Which logs belong to one run, and in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from analysis.importers.wandb_log.discover import LogFile
from analysis.importers.wandb_log.run_log import read_facts_of, read_run_log
from analysis.importers.wandb_log.types import LogCursor, RunFacts, RunLog

RunKey: TypeAlias = tuple[str | None, str | None, str]
"""Entity, project and run id: the same id in two projects is two runs."""


@dataclass(frozen=True, slots=True)
class LogPart:
    """One process of a run: attempts count from 1 by start time.

    `candidates` are logs of this very process, the largest first: more than one where a folder was copied while the run
    was still writing, or where one copy was damaged.
    """

    attempt: int
    start_time: datetime | None
    candidates: tuple[LogFile, ...]


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """One run with its parts in order."""

    entity: str | None
    project: str | None
    run_id: str
    parts: tuple[LogPart, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The runs, ordered by entity, project and id, and the logs that do not say which run they are."""

    runs: tuple[LoggedRun, ...]
    unplaced: tuple[LogFile, ...]


def group_logs(files: Iterable[LogFile]) -> Grouping:
    """Puts the logs of each run together, by what their `run` records say."""
    by_run: dict[RunKey, list[tuple[RunFacts, LogFile]]] = defaultdict(list)
    unplaced = []
    for file in files:
        facts = _facts_of(file.path)
        if facts is None:
            unplaced.append(file)
        else:
            by_run[(facts.entity, facts.project, facts.run_id)].append((facts, file))
    runs = [LoggedRun(*key, parts=_parts(logs)) for key, logs in by_run.items()]
    return Grouping(
        tuple(sorted(runs, key=lambda run: (run.entity or "", run.project or "", run.run_id))), tuple(unplaced)
    )


def read_part(
    part: LogPart,
    *,
    after: LogCursor | None = None,
    now: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> RunLog:
    """The log of a part: the first candidate that is complete, else the one with the most rows.

    `after`, `now` and `progress` are those of `read_run_log`; a cursor of one candidate holds for the others too.
    """
    logs = []
    for candidate in part.candidates:
        log = read_run_log(candidate.path, after=after, now=now, progress=progress)
        if log.verdict == "complete":
            return log
        logs.append(log)
    return max(logs, key=lambda log: log.n_rows)


def _facts_of(path: Path) -> RunFacts | None:
    try:
        return read_facts_of(path)
    except OSError:
        return None


def _parts(logs: list[tuple[RunFacts, LogFile]]) -> tuple[LogPart, ...]:
    by_start: dict[datetime | None, list[LogFile]] = defaultdict(list)
    for facts, file in logs:
        by_start[facts.start_time].append(file)
    never = datetime.max.replace(tzinfo=UTC)
    ordered = sorted(by_start.items(), key=lambda part: part[0] or never)
    return tuple(
        LogPart(attempt, start, tuple(sorted(files, key=lambda file: (-_size(file.path), file.path))))
        for attempt, (start, files) in enumerate(ordered, start=1)
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
