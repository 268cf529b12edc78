"""What a server says about a run beside its history, as the fields of a `SourceRun`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from analysis.importers.wandb.internal import client_versions
from analysis.importers.wandb_api.files import kept_metadata
from analysis.importers.wandb_api.remote_run import RemoteRun
from analysis.store.schema import Direction

_STATUSES: Final = {
    "finished": "finished",
    "failed": "failed",
    "crashed": "lost",
    "killed": "stopped",
    "preempted": "stopped",
    "preempting": "running",
    "running": "running",
    "pending": "queued",
}
_WORDS: Final = {
    "crashed": "W&B calls it crashed: it stopped without a word",
    "killed": "it was stopped by somebody",
    "preempted": "its machine was taken away",
}
_NAME, _GOAL = "1", "8"
"""Fields of `MetricRecord`, by whose numbers the client notes each `define_metric` in the config."""
_GOALS: Final[dict[object, Direction]] = {1: "min", 2: "max"}


def run_status(run: RemoteRun) -> tuple[str, str | None]:
    """The store's status for a run's state, and why."""
    state = str(run.node.get("state"))
    known = _STATUSES.get(state)
    return known or "unconfirmed", _WORDS.get(state) if known else f"W&B says {state!r}, which nothing is known about"


def is_active(run: RemoteRun) -> bool:
    """Whether more rows may come."""
    return _STATUSES.get(str(run.node.get("state"))) in ("running", "queued")


def run_texts(run: RemoteRun) -> dict[str, Any]:
    """Fields of `SourceRun` that are texts, as keyword arguments; what the server leaves empty is None."""
    fields = run.node
    tags = fields.get("tags")
    return {
        "name": _text(fields.get("displayName")),
        "group": _text(fields.get("group")),
        "job_type": _text(fields.get("jobType")),
        "notes_text": _text(fields.get("notes")),
        "sweep": _text(fields.get("sweepName")),
        "tags": tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        "created_at": _moment(fields.get("createdAt")),
    }


def run_environment(run: RemoteRun, server: str, noted: Mapping[str, object]) -> dict[str, object]:
    """The provenance: where the run stands at W&B, and what made it."""
    place = {"server": server, "entity": run.entity, "project": run.project, "run_id": run.run_id}
    said = {
        "versions": client_versions(run.config),
        "wandb": place,
        **kept_metadata(noted),
        "host": _text(noted.get("host")),
        "commit": _text(run.node.get("commit")),
    }
    return {key: value for key, value in said.items() if value}


def run_directions(run: RemoteRun) -> dict[str, Direction]:
    """Goals by `define_metric`, of the metrics that were named one by one."""
    noted = run.config.get("_wandb")
    settings = noted.get("m") if isinstance(noted, Mapping) else None
    found = [entry for entry in settings if isinstance(entry, Mapping)] if isinstance(settings, list) else []
    return {str(entry[_NAME]): goal for entry in found if _NAME in entry and (goal := _goal(entry.get(_GOAL)))}


def _goal(value: object) -> Direction | None:
    return _GOALS.get(value) if isinstance(value, int) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
