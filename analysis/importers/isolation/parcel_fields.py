"""Which fields the JSON document of a parcel has, and what each of them has to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, get_args

from analysis.importers.result import RowProblem, Verdict
from analysis.importers.source_run import SourceRun, SourceScore
from analysis.store.schema import STATUSES

TABLES: Final = ("history", "objects")
"""Fields that travel as Arrow streams."""


class ParcelError(ValueError):
    """A parcel is not what the reading process has to hand over."""


def checked_fields(content: object) -> dict[str, Any]:
    """The fields of a `SourceRun` from its JSON document.

    Raises:
        ParcelError: one is missing, too many, or of another type.
    """
    if not isinstance(content, dict) or content.keys() != FIELDS.keys():
        raise ParcelError("the run has other fields than it should")
    checked: dict[str, Any] = {}
    for name, convert in FIELDS.items():
        try:
            checked[name] = convert(content[name])
        except (ValueError, TypeError, KeyError) as problem:
            raise ParcelError(f"{name} does not fit ({problem})") from problem
    return checked


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {type(value).__name__}")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("a count is needed")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError("a whole number is needed")
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    return tuple(_text(each) for each in value)


def _maybe(convert: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else convert(value)


def _one_of(known: frozenset[str]) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if value not in known:
            raise ValueError(f"it must be one of {', '.join(sorted(known))}")
        return str(value)

    return convert


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _scores(value: object) -> tuple[SourceScore, ...]:
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    scores = tuple(SourceScore(**_object(each)) for each in value)
    if not all(isinstance(score.score, int | float) and not isinstance(score.score, bool) for score in scores):
        raise ValueError("a score must be a number")
    return scores


def _directions(value: object) -> dict[str, object]:
    return {name: better for name, better in _object(value).items() if better in ("min", "max")}


def _problems(value: object) -> tuple[RowProblem, ...]:
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    return tuple(RowProblem(**_object(each)) for each in value)


FIELDS: Final[Mapping[str, Callable[[object], object]]] = {
    **dict.fromkeys(("kind", "label"), _text),
    **dict.fromkeys(("key", "marks", "tags", "notes", "no_trial_keys"), _texts),
    **dict.fromkeys(
        ("own_run_id", "status_reason", "name", "group", "job_type", "notes_text", "sweep", "project", "reason"),
        _maybe(_text),
    ),
    **dict.fromkeys(("config", "columns", "summary", "environment"), _object),
    **dict.fromkeys(("rows_expected", "rows_got"), _count),
    "status": _one_of(STATUSES),
    "verdict": _one_of(frozenset(get_args(Verdict))),
    "exit_code": _maybe(_integer),
    "lost_records": _maybe(_count),
    "created_at": _maybe(_moment),
    "directions": _directions,
    "scores": _scores,
    "scores_at_end": _flag,
    "problems": _problems,
}
assert FIELDS.keys() == {each.name for each in fields(SourceRun)} - {*TABLES}  # noqa: S101 - our own invariant
