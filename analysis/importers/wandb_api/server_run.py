"""One run of a server, with everything that it says, as a `SourceRun`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from analysis.importers.result import RowProblem, Verdict
from analysis.importers.source_run import SourceRun
from analysis.importers.wandb.identity import MARKED_ROWS, twin_marks
from analysis.importers.wandb.internal import with_own_words, without_internal
from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb.tables import with_tables
from analysis.importers.wandb.values import Values, to_values
from analysis.importers.wandb_api.client import Client
from analysis.importers.wandb_api.facts import is_active, run_directions, run_environment, run_status, run_texts
from analysis.importers.wandb_api.files import fetch_nothing, fetch_tables, read_metadata
from analysis.importers.wandb_api.history import HistoryRead, read_history
from analysis.importers.wandb_api.remote_run import RemoteRun
from analysis.importers.wandb_api.targets import server_host
from analysis.importers.wandb_api.trouble import ServerTrouble

KIND: Final = "wandb"
_ATTEMPT: Final = 1
"""A server knows one history of a run."""


@dataclass(slots=True)
class _Extras:
    """What the run's files gave, and what was wrong with them."""

    noted: dict[str, object] = field(default_factory=dict)
    media: list[MediaValue] = field(default_factory=list)
    problems: tuple[RowProblem, ...] = ()
    trouble: ServerTrouble | None = None


def read_run(client: Client, run: RemoteRun, progress: Callable[[int], None]) -> SourceRun:
    """The run.

    Raises:
        Deleted: it is gone.
    """
    read = read_history(client, run, progress)
    history = read.cells.history()  # before `media`: it also decides about words such as "NaN"
    names = history["key"].combine_chunks().dictionary.to_pylist() if len(history) else []
    extras = _extras(client, read)
    values = to_values(history, extras.media, attempt=_ATTEMPT, started=None, names={name: name for name in names})
    return _source_run(client, read, values, extras)


def _extras(client: Client, read: HistoryRead) -> _Extras:
    extras = _Extras(trouble=read.trouble)
    media, fetch = read.cells.media(), None
    try:
        if extras.trouble is None:  # else the server that broke off would do so again
            extras.noted = read_metadata(client, read.run)
            fetch = fetch_tables(client, read.run, media)
    except ServerTrouble as trouble:
        extras.trouble = trouble
    extras.media, extras.problems = with_tables(media, fetch or fetch_nothing(f"{extras.trouble}"))
    return extras


def _source_run(client: Client, read: HistoryRead, values: Values, extras: _Extras) -> SourceRun:
    run = read.run
    status, status_reason = run_status(run)
    verdict, reason = _verdict(read, extras)
    n_rows = read.cells.n_rows
    host = extras.noted.get("host")
    told = SourceRun(
        kind=KIND,
        label=run.label,
        key=(server_host(client.server), run.entity, run.project, run.run_id),
        marks=twin_marks(run.project, run.run_id, read.cells.first_timestamps(MARKED_ROWS)),
        status=status,
        status_reason=status_reason,
        project=run.project,
        **run_texts(run),
        config=without_internal(run.config),
        columns={"host": host} if isinstance(host, str) and host else {},
        summary=without_internal(run.summary) or _last_values(values),
        history=values.history,
        objects=values.objects,
        directions=run_directions(run),
        environment=run_environment(run, client.server, extras.noted),
        verdict=verdict,
        rows_expected=n_rows if read.expected is None else max(n_rows, read.expected),
        rows_got=n_rows,
        reason=reason,
        problems=extras.problems,
        notes=list(_notes(read)),
    )
    return with_own_words(told)


def _last_values(values: Values) -> dict[str, object]:
    """A summary of numbers, for a run whose client did not live to write one."""
    last = values.history.group_by("name", use_threads=False).aggregate([("value", "last")])
    return dict(zip(last["name"].to_pylist(), last["value_last"].to_pylist(), strict=True))


def _verdict(read: HistoryRead, extras: _Extras) -> tuple[Verdict, str | None]:
    verdict, reason = read.judge()
    unreadable = ", ".join(read.run.unreadable)
    if verdict != "partial" and unreadable:
        return "partial", f"what the server sent as {unreadable} is no JSON"
    if verdict != "partial" and extras.trouble is not None:
        return "partial", f"its files did not come: {extras.trouble}"
    if verdict != "partial" and extras.problems:
        return "partial", f"{len(extras.problems)} of its tables are not in"
    if verdict == "complete" and is_active(read.run):
        return "unverified", f"it is still going; {read.cells.n_rows:,} rows so far"
    return verdict, reason


def _notes(read: HistoryRead) -> Iterator[str]:
    yield from read.notes
    if read.cells.n_rows and not without_internal(read.run.summary):
        yield "the server has no summary of it: it was made from the last value of each metric"
    cells = read.cells
    if cells.n_words:
        yield f"{cells.n_words:,} values that the server sent as text (NaN or infinities) became numbers"
    if cells.n_kept_words:
        yield (f"{cells.n_kept_words:,} texts such as 'NaN' stayed text: nothing else says that their keys are numbers")
