"""One trial of an Optuna study as a `SourceRun`."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analysis.importers.points import Points
from analysis.importers.result import Verdict
from analysis.importers.source_run import SourceRun
from analysis.store.schema import Direction

if TYPE_CHECKING:
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial

    from analysis.importers.optuna.storages import Opened

INTERMEDIATE: Final = "intermediate_value"
KIND: Final = "optuna"

_METRIC_NAMES: Final = "study:metric_names"
_STATUSES: Final = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
_EXACT_BELOW: Final = 2**53
_ATTEMPT: Final = 1


def read_trial(
    study: FrozenStudy, trial: FrozenTrial, opened: Opened, *, place: str, location: str, notes: tuple[str, ...] = ()
) -> SourceRun:
    """The run of a trial that has begun, not of one that waits.

    Args:
        study: Its study.
        trial: The trial.
        opened: The storage of both.
        place: The storage, for people.
        location: The storage, the same whatever way it was named.
        notes: Sentences to add to the run's own.
    """
    identity = (KIND, study.study_name, str(trial.number), _start_text(trial.datetime_start, opened))
    is_stale = opened.stale is not None and trial._trial_id in opened.stale
    names = value_names(study)
    points = _points(trial, names)
    collected = points.collect()
    verdict, reason = _verdict(trial, is_stale)
    return SourceRun(
        kind=KIND,
        label=f"{place}: {study.study_name} trial {trial.number}",
        key=(*identity, location),
        marks=("\0".join(identity),),
        status="lost" if is_stale else _STATUSES[trial.state.name],
        status_reason=_status_reason(trial, is_stale),
        verdict="partial" if collected.problems and verdict == "complete" else verdict,
        reason=reason or (collected.problems[0].reason if collected.problems else None),
        name=f"{study.study_name} trial {trial.number}",
        sweep=study.study_name,
        project=study.study_name,
        created_at=trial.datetime_start.astimezone() if trial.datetime_start else None,
        config=_config(study, trial),
        summary={"values": dict(zip(names, trial.values or (), strict=False)), "user_attrs": dict(trial.user_attrs)},
        history=collected.history,
        objects=collected.objects,
        directions=_directions(study, names),
        environment=_environment(trial),
        rows_expected=collected.rows_expected,
        rows_got=collected.rows_got,
        problems=collected.problems,
        notes=(*collected.notes, *notes),
        no_trial_keys=("user_attrs",),
    )


def value_names(study: FrozenStudy) -> list[str]:
    """Names of the final values: those that the user set, else those of Optuna's own tables."""
    given = study.system_attrs.get(_METRIC_NAMES)
    if isinstance(given, list) and len(given) == len(study.directions):
        return [str(name) for name in given]
    if len(study.directions) == 1:
        return ["value"]
    return [f"values_{index}" for index in range(len(study.directions))]


def _points(trial: FrozenTrial, names: list[str]) -> Points:
    """Intermediate values at their steps; what came at the end at the last of these steps."""
    points = Points()
    for step, value in sorted(trial.intermediate_values.items()):
        points.add(_ATTEMPT, step, INTERMEDIATE, float(value))
    if not trial.state.is_finished():
        return points
    last = max([0, *trial.intermediate_values])
    seconds = trial.duration.total_seconds() if trial.duration else math.nan
    for name, value in _final_numbers(trial, names).items():
        points.add(_ATTEMPT, last, name, value, seconds)
    return points


def _final_numbers(trial: FrozenTrial, names: list[str]) -> dict[str, float]:
    """Final values, and attributes that are numbers; a value goes before an attribute of its name."""
    attributes = {
        name: float(value)
        for name, value in trial.user_attrs.items()
        if isinstance(value, float) or (type(value) is int and abs(value) <= _EXACT_BELOW)
    }
    return attributes | {name: float(value) for name, value in zip(names, trial.values or (), strict=False)}


def _config(study: FrozenStudy, trial: FrozenTrial) -> dict[str, object]:
    attributes = {"study_user_attrs": study.user_attrs, "user_attrs": trial.user_attrs}
    return {name: dict(found) for name, found in attributes.items() if found} | dict(trial.params)


def _environment(trial: FrozenTrial) -> dict[str, object]:
    from optuna.distributions import distribution_to_json

    distributions = {name: json.loads(distribution_to_json(kind)) for name, kind in trial.distributions.items()}
    return {"distributions": distributions, "system_attrs": dict(trial.system_attrs)}


def _directions(study: FrozenStudy, names: list[str]) -> dict[str, Direction]:
    words: dict[str, Direction] = {"MINIMIZE": "min", "MAXIMIZE": "max"}
    found = zip(names, study.directions, strict=True)
    directions = {name: words[direction.name] for name, direction in found if direction.name in words}
    if len(names) == 1 and names[0] in directions:
        directions[INTERMEDIATE] = directions[names[0]]
    return directions


def _verdict(trial: FrozenTrial, is_stale: bool) -> tuple[Verdict, str | None]:
    if trial.state.is_finished():
        return "complete", None
    if is_stale:
        return "unverified", "the trial's heartbeats stopped: its process is gone, or cannot reach the storage"
    return "unverified", "the trial is marked as running: it goes on, or its process was killed"


def _status_reason(trial: FrozenTrial, is_stale: bool) -> str | None:
    if is_stale:
        return "no heartbeat"
    reason = trial.system_attrs.get("fail_reason")
    return str(reason) if reason is not None else None


def _start_text(moment: datetime | None, opened: Opened) -> str:
    """A text that is the same on every machine."""
    if moment is None:
        return ""
    return (moment.astimezone(UTC) if opened.keeps_utc else moment).isoformat()
