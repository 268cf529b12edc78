"""Puts the files of one folder together: those that go on where another stopped, and those that began again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from analysis.importers.points import Points
from analysis.importers.tensorboard.event_file import EventFile

_FIRST: Final = 1


@dataclass(slots=True)
class _Attempt:
    """One attempt so far.

    Attributes:
        began_at: When, in seconds since 1970.
        tags: Points of each tag as (step, seconds since then, value), in their order.
        kept_steps: Steps of points that it keeps of the attempt before.
        own_steps: Steps of its own points.
    """

    began_at: float
    tags: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    kept_steps: frozenset[int] = frozenset()
    own_steps: set[int] = field(default_factory=set)

    def last_steps(self) -> dict[str, int]:
        return {tag: max(step for step, _, _ in found) for tag, found in self.tags.items() if found}


@dataclass(frozen=True, slots=True)
class Joined:
    """All points of a run.

    Attributes:
        points: The points, those too that an attempt keeps of the one before.
        n_kept_rows: Rows (steps of an attempt) that only hold such kept points.
        notes: Sentences about what was decided.
    """

    points: Points
    n_kept_rows: int
    notes: tuple[str, ...]


def join_files(files: Iterable[EventFile]) -> Joined:
    """Puts the points of all files, in the order of their processes, into attempts.

    A file goes on with the attempt before it unless one of its tags begins below that tag's last step, or it declares a
    restart at or below it: then it is an attempt of its own. Like a resumed process, that attempt keeps what was
    logged before the steps at which it set in (TensorBoard then throws the rest away; here it stays in its attempt).
    """
    points = Points()
    attempts: list[_Attempt] = []
    notes = []
    for file in files:
        if not file.has_values:
            continue
        if not attempts:
            attempts.append(_Attempt(_start_of(file)))
        elif _begins_again(file, attempts[-1]):
            attempts.append(_resumed(file, attempts[-1]))
            notes.append(f"{file.path.name} goes back in steps: it is attempt {len(attempts)}")
        _extend(attempts[-1], file)
        _add_objects(points, file, len(attempts))
    for number, attempt in enumerate(attempts, start=_FIRST):
        for tag, found in attempt.tags.items():
            for step, seconds, value in found:
                points.add(number, step, tag, value, seconds)
    n_kept = sum(len(attempt.kept_steps - attempt.own_steps) for attempt in attempts)
    return Joined(points, n_kept, tuple(notes))


def _start_of(file: EventFile) -> float:
    return file.began_at if file.began_at is not None else math.nan


def _first_steps(file: EventFile) -> dict[str, int]:
    first: dict[str, int] = {}
    for key, step in zip(file.keys, file.steps, strict=True):
        first.setdefault(file.tags[key], step)
    return first


def _begins_again(file: EventFile, attempt: _Attempt) -> bool:
    last = attempt.last_steps()
    if file.restart_step is not None and any(file.restart_step <= step for step in last.values()):
        return True
    return any(step < last[tag] for tag, step in _first_steps(file).items() if tag in last)


def _resumed(file: EventFile, before: _Attempt) -> _Attempt:
    """A new attempt with what the one before it logged until this file sets in."""
    first = _first_steps(file)
    kept: dict[str, list[tuple[int, float, float]]] = {}
    for tag, found in before.tags.items():
        bound = file.restart_step if file.restart_step is not None else first.get(tag)
        if bound is not None:
            kept[tag] = [point for point in found if point[0] < bound]
    seconds = max((point[1] for found in kept.values() for point in found), default=0.0)
    steps = frozenset(point[0] for found in kept.values() for point in found)
    return _Attempt(_start_of(file) - seconds, {tag: found for tag, found in kept.items() if found}, steps)


def _extend(attempt: _Attempt, file: EventFile) -> None:
    attempt.own_steps.update(file.steps)
    for key, step, wall, value in zip(file.keys, file.steps, file.walls, file.values, strict=True):
        attempt.tags.setdefault(file.tags[key], []).append((step, wall - attempt.began_at, value))


def _add_objects(points: Points, file: EventFile, attempt: int) -> None:
    for step, tag, text in file.texts:
        points.add_object(attempt, step, tag, json.dumps(text, ensure_ascii=False))
    for step, tag, number in file.whole:
        points.add_object(attempt, step, tag, str(number))
