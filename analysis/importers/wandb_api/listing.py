"""The runs of a project as the server lists them: twice at least, since a run that goes away shifts all pages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from analysis.importers.wandb_api.client import Client, WandbRuns
from analysis.importers.wandb_api.remote_run import Node, history_count, last_step
from analysis.importers.wandb_api.trouble import NoProject

_PER_PAGE: Final = 100
_MOST_LISTINGS: Final = 3
_DIGEST_FIELDS: Final = (
    "state", "heartbeatAt", "historyLineCount", "tags", "group", "jobType", "displayName", "notes", "sweepName",
    "config", "summaryMetrics", "createdAt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """One run in a listing."""

    run_id: str
    digest: str
    n_rows: int | None


class Listing:
    """The runs of a project.

    Attributes:
        n_missing: Runs that the server counts and never listed; known when `runs` has ended.
    """

    def __init__(self, client: Client, entity: str, project: str, filters: dict[str, object]) -> None:
        self.n_missing = 0
        self._client = client
        self._place = (entity, project, filters)
        self._n_counted = 0

    def runs(self) -> Iterator[Listed]:
        """All runs that match, each once: in the order of their creation, behind them those that came up later.

        Raises:
            NoProject: there is no such project.
            ServerTrouble: the server does not go on; some may be missing.
        """
        seen: set[str] = set()
        before: set[str] | None = None
        for _ in range(_MOST_LISTINGS):
            now: set[str] = set()
            for run in self._list_once():
                now.add(run.run_id)
                if run.run_id not in seen:
                    seen.add(run.run_id)
                    yield run
            if now == before and len(now) >= self._n_counted:
                break
            before = now
        self.n_missing = max(0, self._n_counted - len(seen))

    def _list_once(self) -> Iterator[Listed]:
        pages = self._client.runs(*self._place, per_page=_PER_PAGE)
        # As the server sent them: a single run that the client cannot make an object of would cost its whole page.
        pages.convert_objects = lambda: _nodes(pages)
        runs = map(listed, pages)
        while (run := self._client.ask(lambda: next(runs, None))) is not None:
            yield run
        self._n_counted = self._client.ask(lambda: int(pages.last_response["project"].get("runCount") or 0))


def _nodes(pages: WandbRuns) -> list[Node]:
    """The runs of the page that came last."""
    project = (pages.last_response or {}).get("project")
    if project is None:
        raise NoProject
    return [edge["node"] for edge in project["runs"]["edges"]]


def listed(node: Node) -> Listed:
    """A run as a listing has it."""
    return Listed(str(node["name"]), _digest(node), history_count(node))


def _digest(node: Node) -> str:
    """16 hexadecimal digits that change with anything that a listing says about a run."""
    text = json.dumps([[_plain(node.get(name)) for name in _DIGEST_FIELDS], last_step(node)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(value: object) -> object:
    """A field, also where the server sends JSON as text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
