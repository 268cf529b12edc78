"""MLflow's record of a run as a `SourceRun`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from analysis.importers.mlflow.record import Point, RunRecord
from analysis.importers.points import Points
from analysis.importers.result import RowProblem, Verdict
from analysis.importers.source_run import SourceRun

KIND: Final = "mlflow"

_STATUSES: Final = {
    "RUNNING": "running",
    "SCHEDULED": "queued",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "stopped",
}
_OWN_TAG: Final = "mlflow."
_EVALUATIONS: Final = frozenset({"eval", "evaluation", "validation", "test"})
_LARGEST: Final = sys.float_info.max
_ATTEMPT: Final = 1


def to_run(
    record: RunRecord,
    logged: Iterable[Point],
    *,
    place: str,
    location: str,
    problems: tuple[RowProblem, ...] = (),
    sweep: str | None = None,
    notes: tuple[str, ...] = (),
) -> SourceRun:
    """The run.

    Args:
        record: What MLflow says of it.
        logged: All its values; of one millisecond in the order in which they were logged.
        place: The store, for people.
        location: The store, the same whatever way it was named.
        problems: Values that could not be read.
        sweep: Name of the run that it is nested in.
        notes: Sentences to add to the run's own.
    """
    in_order = sorted(logged, key=lambda point: point.timestamp)
    points, n_infinite = _points(record, in_order)
    collected = points.collect()
    problems = (*problems, *collected.problems)
    verdict, reason = _verdict(record, problems)
    clamped = f"{n_infinite:,} values at the end of the range are the infinities that MLflow's databases cannot keep"
    return SourceRun(
        kind=KIND,
        label=f"{place}: {record.experiment}/{record.run_id}",
        key=(KIND, record.run_id, location),
        marks=(f"{KIND}:{record.run_id}",),
        status=_STATUSES.get(record.status, "unconfirmed"),
        verdict=verdict,
        reason=reason,
        project=record.experiment,
        name=record.name or record.tags.get("mlflow.runName"),
        group=record.experiment,
        tags=tuple(f"{key}={value}" for key, value in sorted(record.tags.items()) if not key.startswith(_OWN_TAG)),
        notes_text=record.tags.get("mlflow.note.content"),
        sweep=sweep,
        created_at=_moment(record.start_time),
        config={name: param_value(text) for name, text in record.params.items()},
        columns=_dataset_columns(record),
        summary=_last_values(in_order),
        history=collected.history,
        objects=collected.objects,
        environment=_environment(record),
        rows_expected=collected.rows_expected,
        rows_got=collected.rows_got,
        lost_records=collected.rows_expected - collected.rows_got + len(problems) - len(collected.problems),
        problems=problems,
        notes=(*collected.notes, *([clamped] if n_infinite else []), *notes),
    )


def param_value(text: str) -> object:
    """A parameter, which MLflow always keeps as text: a number where it is written just as Python writes that number.

    >>> param_value("0.0001"), param_value("8"), param_value("1e-4"), param_value("007"), param_value("True")
    (0.0001, 8, '1e-4', '007', 'True')
    """
    for kind in (int, float):
        try:
            number = kind(text)
            if str(number) == text and math.isfinite(number):
                return number
        except (ValueError, OverflowError):
            continue
    return text


def _points(record: RunRecord, logged: Iterable[Point]) -> tuple[Points, int]:
    """The points, and how many infinities were restored."""
    points = Points()
    n_infinite = 0
    start = math.nan if record.start_time is None else record.start_time
    for key, timestamp, step, value in logged:
        n_infinite += abs(value) == _LARGEST
        points.add(_ATTEMPT, step, key, _restored(value), (timestamp - start) / 1000)
    return points, n_infinite


def _restored(value: float) -> float:
    """An infinity where a database had to write the largest number for it."""
    return math.copysign(math.inf, value) if abs(value) == _LARGEST else value


def _last_values(logged: Iterable[Point]) -> dict[str, float]:
    """The last value of each metric as MLflow means it: at the largest step, the last in time."""
    last: dict[str, Point] = {}
    for point in logged:
        if point.key not in last or point.step >= last[point.key].step:
            last[point.key] = point
    return {key: _restored(point.value) for key, point in sorted(last.items())}


def _verdict(record: RunRecord, problems: tuple[RowProblem, ...]) -> tuple[Verdict, str | None]:
    if problems or record.unread:
        return "partial", "; ".join([*record.unread, *(problem.reason for problem in problems[:1])])
    if record.status in ("RUNNING", "SCHEDULED"):
        return "unverified", f"MLflow has it as {record.status}: it goes on, or its process was killed"
    if record.status not in _STATUSES:
        return "unverified", f"MLflow has it in the unknown state {record.status!r}"
    return "complete", None


def _dataset_columns(record: RunRecord) -> dict[str, object]:
    """The training data and the evaluation data, where there is one of each."""
    columns: dict[str, object] = {}
    training = {(data.name, data.digest) for data in record.datasets if data.context in ("training", "train")}
    evaluation = {data.digest for data in record.datasets if data.context in _EVALUATIONS}
    if len(training) == 1:
        ((name, digest),) = training
        columns["dataset"] = f"{name}@{digest}" if digest else name
    if len(evaluation) == 1:
        columns["eval_set_id"] = next(iter(evaluation))
    return columns


def _environment(record: RunRecord) -> dict[str, object]:
    tags: Mapping[str, str] = record.tags
    found: dict[str, object] = {
        "user": tags.get("mlflow.user"),
        "commit": tags.get("mlflow.source.git.commit"),
        "program": tags.get("mlflow.source.name"),
        "parent_run_id": tags.get("mlflow.parentRunId"),
        "ended_at_ms": record.end_time,
        "datasets": [{"name": data.name, "digest": data.digest, "context": data.context} for data in record.datasets],
        "tags": dict(tags),
    }
    return {name: value for name, value in found.items() if value}


def _moment(milliseconds: int | None) -> datetime | None:
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
