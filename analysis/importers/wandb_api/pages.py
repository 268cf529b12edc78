"""Pages of a run's history, asked for by ranges of steps as the client does, and read to their end.

The client's own scan takes a page that the server cut short for a whole one, asks for no page at all where the server
does not list what is live, and believes a run without `historyKeys` to be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from analysis.importers.wandb_api.cells import Cells, step_of
from analysis.importers.wandb_api.client import Client
from analysis.importers.wandb_api.remote_run import RemoteRun
from analysis.importers.wandb_api.trouble import Deleted, ServerTrouble
from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates

_QUERY: Final = """
query HistoryPage($entity: String!, $project: String!, $name: String!, $minStep: Int64!, $maxStep: Int64!,
        $pageSize: Int!) {
    project(name: $project, entityName: $entity) {
        run(name: $name) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
    }
}
"""
_ROWS: Final = 1000
_WIDEST: Final = 10**7
_MOST_PAGES: Final = 3000
"""Of one reading; our choice. Sparser steps get wider pages."""
_MOST_REQUESTS: Final = 20_000
"""Of one reading, with those that ask again; our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What to read.

    Attributes:
        start: First step.
        last: Last step, None where nobody knows it: then until a page is empty.
        width: Steps that one page covers.
        careful: Ask again behind the last row of each page, until nothing more comes: then a page that the server cut
            short loses nothing.
    """

    start: int
    last: int | None
    width: int
    careful: bool


def page_width(last: int | None, n_rows: int | None, *, rows: int = _ROWS) -> int:
    """Steps that hold about so many rows: with sparse steps, narrow pages would be requests for nothing."""
    if last is None or not n_rows:
        return _WIDEST
    width = max(rows, -(-(last + 1) // n_rows) * rows, (last + 1) // _MOST_PAGES)
    return min(width, _WIDEST)


def read_pages(client: Client, run: RemoteRun, span: Span, cells: Cells, progress: Callable[[int], None]) -> int:
    """Puts the rows of a span into `cells` and returns the number of lines that are no row.

    Raises:
        Deleted: the run is gone.
        ServerTrouble: the server cannot be read; what came before is in `cells`.
    """
    n_bad, n_requests = 0, 0
    for start, stop in _ranges(span):
        at, before = start, cells.n_rows
        while at < stop:
            rows = _ask_for_page(client, run, (at, stop), lambda: progress(cells.n_rows))
            for row in rows:
                cells.add_row(row)
            n_bad += rows.count({})
            progress(cells.n_rows)
            n_requests += 1
            if n_requests > _MOST_REQUESTS:
                raise ServerTrouble(f"the rows come in too small pages: {_MOST_REQUESTS:,} were not all", lasting=False)
            behind = max((step + 1 for row in rows if (step := step_of(row)) is not None), default=at)
            if not span.careful or behind <= at:
                break
            at = behind
        if span.last is None and cells.n_rows == before:
            break
    return n_bad


def _ranges(span: Span) -> Iterator[tuple[int, int]]:
    """Half-open ranges of steps, without an end where the last step is not known."""
    start = span.start
    while span.last is None or start <= span.last:
        stop = start + span.width
        yield start, stop if span.last is None else min(stop, span.last + 1)
        start = stop


def _ask_for_page(
    client: Client, run: RemoteRun, steps: tuple[int, int], alive: Callable[[], object]
) -> list[dict[str, object]]:
    return [_row(line) for line in client.ask(lambda: _page(run, *steps), alive=alive)]


def _page(run: RemoteRun, start: int, stop: int) -> list[object]:
    answer = run.handle._exec(_QUERY, minStep=start, maxStep=stop, pageSize=stop - start)
    found = ((answer or {}).get("project") or {}).get("run")
    if found is None:
        raise Deleted
    return list(found.get("history") or [])


def _row(line: object) -> dict[str, object]:
    """A row, empty where the line is none."""
    try:
        row = parse_json(replace_lone_surrogates(line)[0]) if isinstance(line, str) else line
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
