"""The runs of a project as the server lists them: twice at least, since a run that goes away shifts all pages."""

from __future__ import annotations

import hashlib
import json
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


@dataclass(frozen=True, slots=True)
class Listing:
    """The runs of a project, in the order of their creation.

    Attributes:
        n_missing: Runs that the server counts and never listed.
    """

    runs: tuple[Listed, ...]
    n_missing: int


def list_runs(client: Client, entity: str, project: str, filters: dict[str, object]) -> Listing:
    """All runs of a project that match.

    Raises:
        ServerTrouble: the server does not list them; `NoProject` if there is no such project.
    """
    found: dict[str, Listed] = {}
    before: set[str] | None = None
    n_counted = 0
    for _ in range(_MOST_LISTINGS):
        runs, n_counted = _list_once(client, entity, project, filters)
        found |= {run.run_id: run for run in runs}
        now = {run.run_id for run in runs}
        if now == before and len(now) >= n_counted:
            break
        before = now
    return Listing(tuple(found.values()), max(0, n_counted - len(found)))


def _list_once(client: Client, entity: str, project: str, filters: dict[str, object]) -> tuple[list[Listed], int]:
    """The runs of one listing, and how many the server says there are."""
    pages = client.runs(entity, project, filters, per_page=_PER_PAGE)
    # As the server sent them: a single run that the client cannot make an object of would cost its whole page.
    pages.convert_objects = lambda: _nodes(pages)
    nodes = client.ask(lambda: list(pages), moving=lambda: len(pages.objects))
    counted = (pages.last_response or {}).get("project") or {}
    return [listed(node) for node in nodes], int(counted.get("runCount") or 0)


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
