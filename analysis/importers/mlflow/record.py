"""What MLflow keeps of a run, whichever way it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Point(NamedTuple):
    """One logged value; `timestamp` in milliseconds since 1970."""

    key: str
    timestamp: int
    step: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset that a run was given, and what for (`training`, `eval` ...)."""

    name: str
    digest: str
    context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run; the fields are MLflow's.

    Attributes:
        run_id: 32 hexadecimal digits.
        experiment: Name of its experiment.
        name: For people.
        status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
        start_time: Milliseconds since 1970.
        end_time: Milliseconds since 1970.
        is_deleted: Whether the user deleted it, where the store gives deleted runs at all.
        params: Always text.
        tags: The user's, and MLflow's own (`mlflow.`).
        latest: Metric -> last value, where the store says so: then its history must hold it.
        datasets: What it was trained and evaluated on.
        unread: Sentences about what could not be read of it.
    """

    run_id: str
    experiment: str
    status: str
    name: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    is_deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, Point] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    unread: tuple[str, ...] = ()
