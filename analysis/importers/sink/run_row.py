"""The row of the runs table for a run of a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.config_rules import RunMap, TypedColumns, trial_key_for, typed_columns
from analysis.importers.sink.origins import NOTED_UNDER, Origins
from analysis.importers.source_run import SourceRun
from analysis.importers.table.identity import run_id_from
from analysis.importers.table.stored import parse_object
from analysis.runs.direction import direction_of
from analysis.store import RunRow, canonical_json
from analysis.store.checks import WrongValueError, converted
from analysis.store.schema import RUNS, Direction

_STAMPS: Final = frozenset({"seq", "updated_at", "schema_version"})
_FIXED: Final = frozenset({"status", "created_at", "source", "sweep_id", "project", "tags"})
"""Columns that the run itself states, whatever its configuration holds."""
FACE: Final = ("name", "group", "tags")
"""Columns that people edit after a run is over."""
_COLUMNS: Final = {column.name: column for column in RUNS}


def build_row(
    run_id: str,
    run: SourceRun,
    run_map: RunMap,
    origins: Origins,
    attempt: int | None,
    before: RunRow,
    *,
    keeps_face: bool,
) -> tuple[dict[str, object], list[str]]:
    """The whole row, and sentences about what was decided.

    Args:
        run_id: Its id.
        run: The run.
        run_map: What the user says about keys.
        origins: To be noted.
        attempt: The store's attempt that counts; None where nothing was logged.
        before: The stored row, for what only it knows.
        keeps_face: Whether name, group, tags and notes stay as stored: they may have been edited at another place.
    """
    typed = typed_columns(run, run_map)
    said = {
        "source": run.kind,
        "sweep_id": None if run.sweep is None else run_id_from(run.sweep, "table"),
        "project": run.project,
        "name": run.name,
        "group": run.group,
        "tags": list(run.tags) or None,
        "status": run.status,
        "status_reason": run.status_reason,
        "created_at": run.created_at or before.get("created_at"),
    }
    if keeps_face:
        said |= {name: before.get(name) for name in FACE}
    stated = {name: value for name, value in said.items() if value is not None}
    row = _totals(run) | stated | {name: value for name, value in typed.columns.items() if name not in _FIXED}
    notes_text = _notes(before) if keeps_face else run.notes_text
    provenance = _provenance(run, typed, run_map, origins) | ({"notes": notes_text} if notes_text else {})
    row |= {
        "run_id": run_id,
        "attempt": attempt or 1,
        "config_json": canonical_json(typed.config),
        "trial_key": trial_key_for(run, typed.columns, run_map),
        "provenance_json": canonical_json(provenance),
    }
    return _fitting(row, typed.notes)


def with_origins(row: RunRow, origins: Origins, face: SourceRun | None) -> dict[str, object]:
    """A stored row with other origins noted; `face`: whose name, group and tags it takes."""
    kept = {name: value for name, value in row.items() if name not in _STAMPS}
    provenance = parse_object(row.get("provenance_json")) | {NOTED_UNDER: origins.to_json()}
    if face is not None:
        taken = {"name": face.name, "group": face.group, "tags": list(face.tags) or None}
        kept |= {name: value for name, value in taken.items() if value is not None}
        provenance |= {"notes": face.notes_text} if face.notes_text else {}
    return kept | {"provenance_json": canonical_json(provenance)}


def says_the_same(row: RunRow, stored: RunRow) -> bool:
    """Whether the store has this row already."""
    return _content(row) == _content(stored)


def _content(row: RunRow) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in row.items()
        if value is not None and name not in _STAMPS
    }


def _totals(run: SourceRun) -> dict[str, object]:
    """Tokens and seconds of the last attempt, as far as its log tells."""
    if not len(run.history):
        return {}
    last = run.history.filter(pc.equal(run.history["attempt"], pc.max(run.history["attempt"])))
    seconds = _largest(last["wall_time"])
    is_time = seconds is not None and seconds >= 0
    return {"tokens_seen": _largest(last["tokens_seen"]), "wall_s": seconds if is_time else None}


def _notes(row: RunRow) -> str | None:
    notes = parse_object(row.get("provenance_json")).get("notes")
    return notes if isinstance(notes, str) else None


def _largest(column: pa.ChunkedArray) -> float | None:
    largest: float | None = pc.max(column).as_py()
    return largest


def _provenance(run: SourceRun, typed: TypedColumns, run_map: RunMap, origins: Origins) -> dict[str, object]:
    more: dict[str, object] = {
        "summary": dict(run.summary),
        "exit_code": run.exit_code,
        "job_type": run.job_type,
        "found_in": dict(typed.found_in),
        "metric_directions": _directions(run, run_map),
    }
    said = {name: value for name, value in more.items() if value not in (None, {})}
    return {**run.environment, **said, NOTED_UNDER: origins.to_json()}


def _directions(run: SourceRun, run_map: RunMap) -> dict[str, Direction]:
    """Which metrics are better when higher: by their names, by the source, and by the user, who is right."""
    names = [str(name) for name in pc.unique(run.history["name"]).to_pylist()]
    guessed: dict[str, Direction] = {name: "max" for name in sorted(names) if direction_of(name) == "max"}
    return {**guessed, **run.directions, **run_map.directions}


def _fitting(row: Mapping[str, object], notes: tuple[str, ...]) -> tuple[dict[str, object], list[str]]:
    """What fits the columns; the rest is left out and said: one odd value must not keep a run out."""
    fitting, said = {}, list(notes)
    for name, value in row.items():
        if value is None:
            continue
        try:
            fitting[name] = converted(_COLUMNS[name], value)
        except WrongValueError as problem:
            said.append(f"{name} is left out: it {problem}, and the source says {str(value)[:80]!r}")
    return fitting, said
