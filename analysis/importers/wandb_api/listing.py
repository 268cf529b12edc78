"""The runs of a project as the server lists them: twice at least, since a run that goes away shifts all pages."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from analysis.importers.wandb_api.client import Client, WandbRun
from analysis.importers.wandb_api.trouble import NoProject, ServerTrouble

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
    try:
        return _list_all(client, entity, project, filters, lazy=False)
    except ServerTrouble as trouble:
        if trouble.lasting or isinstance(trouble, NoProject):
            raise
    # One run whose config cannot be read spoils a whole page; without configs the others can still be told apart.
    return _list_all(client, entity, project, filters, lazy=True)


def _list_all(
    client: Client, entity: str, project: str, filters: dict[str, object], *, lazy: bool
) -> tuple[list[Listed], int]:
    pages = client.runs(entity, project, filters, per_page=_PER_PAGE, lazy=lazy)
    runs = client.ask(lambda: list(pages), moving=lambda: len(pages.objects))
    counted = (pages.last_response or {}).get("project") or {}
    listed = [Listed(str(run.id), run_digest(run), history_count(run)) for run in runs]
    return listed, int(counted.get("runCount") or 0)


def run_digest(run: WandbRun) -> str:
    """16 hexadecimal digits that change with anything that a listing says about a run."""
    fields: dict[str, Any] = {name: run._attrs.get(name) for name in _DIGEST_FIELDS}
    text = json.dumps([fields, last_step(run)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def history_count(run: WandbRun) -> int | None:
    """Rows that the server says a run has, None where it does not say."""
    count = run._attrs.get("historyLineCount")
    return count if isinstance(count, int) and count >= 0 else None


def last_step(run: WandbRun) -> int | None:
    """Step of the last row, None where the server does not say."""
    keys = run._attrs.get("historyKeys")
    step = keys.get("lastStep") if isinstance(keys, dict) else None
    return int(step) if isinstance(step, int | float) and step >= 0 else None
