"""Finds and reads runs of Trackio."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from analysis.importers.attempts import AttemptCounter
from analysis.importers.end_of_run import end_of
from analysis.importers.logged_rows import LoggedRows, step_of
from analysis.importers.places import change_digest, existing_path, files_below
from analysis.importers.result import RowProblem, Verdict
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.sqlite_file import files_of
from analysis.importers.trackio.database import is_trackio_database, read_database
from analysis.importers.trackio.decode import moment
from analysis.importers.trackio.export import files_of_export, is_trackio_export, read_export
from analysis.importers.trackio.types import StoredRun
from analysis.importers.wandb_log.ending import QUIET_S

KIND: Final = "trackio"
_ID_SHOWN: Final = 8
_CREATED: Final = "_Created"
_GROUP: Final = "_Group"
_OWN_KEYS: Final = frozenset({_CREATED, _GROUP, "_Username"})


class TrackioSource:
    """Each database, or export of one that is not there, holds the runs of one project."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The databases and exports at and below the targets.

        Raises:
            ConfigError: there is nothing at a target.
        """
        found: set[Path] = set()
        for target in request.targets:
            for path in files_below(existing_path(target).resolve(), _is_candidate):
                form = _form(path)
                if form is None or path in found:
                    continue
                found.add(path)
                files = files_of(path) if form == "database" else files_of_export(path)
                locator = {"path": str(path), "form": form}
                yield Item(kind=KIND, label=str(path), digest=change_digest(files), locator=locator)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The runs of one project."""
        read = read_database if item.locator["form"] == "database" else read_export
        path = Path(item.locator["path"])
        n_runs = 0
        try:
            for run in read(path, progress):
                n_runs += 1
                yield _to_source_run(run, path, request.now)
        except (OSError, sqlite3.Error, pa.ArrowException, UnicodeDecodeError) as error:
            yield Refusal(kind=KIND, label=item.label, reason=f"it cannot be read any further: {error}")
            return
        if not n_runs:
            yield Refusal(kind=KIND, label=item.label, reason="no run is in it yet; import it again later")


SOURCE: Final = TrackioSource()


_EXPORTED: Final = "metrics"
"""Name of the file of an export that does not say its project."""


def _is_candidate(name: str) -> bool:
    return name.endswith((".db", ".parquet"))


def _form(path: Path) -> str | None:
    if path.suffix == ".parquet":
        return "export" if is_trackio_export(path) else None
    return "database" if is_trackio_database(path) else None


def _to_source_run(run: StoredRun, path: Path, now: float) -> SourceRun | Refusal:
    label = f"{path}: {run.name}" + (f" ({run.run_id[:_ID_SHOWN]})" if run.run_id else "")
    if not run.rows and run.damage is None:
        what = f"only {run.n_system} rows of system metrics are" if run.n_system else "nothing is"
        return Refusal(kind=KIND, label=label, reason=f"{what} logged yet; import it again later")
    created = moment(run.config.get(_CREATED)) or moment(run.rows[0].timestamp if run.rows else None)
    rows, attempts, lost = _take(run, created)
    history = rows.history()
    config = {name: value for name, value in run.config.items() if name not in _OWN_KEYS}
    status, why = _status(run, end_of(history, config), now)
    verdict, reason = _verdict(run, lost, status, why)
    project = None if path.stem == _EXPORTED else path.stem
    group, username = run.config.get(_GROUP), run.config.get("_Username")
    mark = _digest([run.name, str(run.config[_CREATED])]) if run.config.get(_CREATED) else None
    return SourceRun(
        kind=KIND,
        label=label,
        # Trackio before 0.24 gave no ids; a database that it has migrated since has new ones, hence the mark.
        key=(run.run_id,) if run.run_id else (run.name, mark or _digest(run.rows[:1])),
        marks=(f"{KIND}:{mark}",) if mark else (),
        project=project,
        status=status,
        status_reason=why,
        name=run.name,
        group=str(group) if group else None,
        created_at=created,
        config=config,
        history=history,
        objects=rows.objects(),
        environment={"tool": "trackio", **({"project": project} if project else {})}
        | ({"username": username} if username else {}),
        verdict=verdict,
        reason=reason,
        rows_expected=rows.n_rows + lost,
        rows_got=rows.n_rows,
        problems=rows.problems,
        notes=tuple(_notes(run, attempts)),
    )


def _take(run: StoredRun, created: datetime | None) -> tuple[LoggedRows, AttemptCounter, int]:
    """The rows, their attempts, and how many are lost."""
    rows, attempts, lost = LoggedRows(), AttemptCounter(), max(0, run.n_expected - len(run.rows))
    for row in run.rows:
        step = step_of(row.step)
        if row.metrics is None or step is None:
            why = "its metrics are no JSON object" if row.metrics is None else "a step is a whole number from 0"
            rows.problems.append(RowProblem(row.number, None, str(row.step)[:80], f"{why}; the row is left out"))
            lost += 1
            continue
        at = moment(row.timestamp)
        wall_time = max(0.0, (at - created).total_seconds()) if at and created else None
        attempt = attempts.take(step, row.metrics)
        rows.add(step, row.metrics, attempt=attempt, wall_time=wall_time, line=row.number)
    return rows, attempts, lost


def _status(run: StoredRun, end: str | None, now: float) -> tuple[str, str]:
    if end is not None:
        return "finished", end
    last = max((at.timestamp() for row in run.rows if (at := moment(row.timestamp))), default=0.0)
    if now - last <= QUIET_S:
        return "running", "it logged in the last ten minutes"
    return "unconfirmed", "Trackio keeps no word on how a run ended"


def _verdict(run: StoredRun, lost: int, status: str, why: str) -> tuple[Verdict, str | None]:
    problems = [problem for problem in (run.damage, run.config_problem) if problem]
    if lost:
        problems.append(f"{lost} rows could not be read")
    if problems:
        return "partial", "; ".join(problems)
    return ("complete", None) if status == "finished" else ("unverified", f"{why}: more rows may follow")


def _notes(run: StoredRun, attempts: AttemptCounter) -> Iterator[str]:
    yield from attempts.notes
    yield from run.notes
    if run.n_system:
        yield f"{run.n_system:,} rows of system metrics were not read"


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
