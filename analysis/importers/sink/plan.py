"""What has to be appended for one run of a source; nothing where the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from analysis.importers.config_rules import RunMap
from analysis.importers.sink.attempts import Merge, merge
from analysis.importers.sink.cells import Logged
from analysis.importers.sink.clean import Storable, place_of
from analysis.importers.sink.origins import NOTED_UNDER, Origin, Origins, key_digest, origin_of, read_origins
from analysis.importers.sink.run_row import build_row, says_the_same, with_origins
from analysis.importers.source_run import SourceRun, SourceScore
from analysis.importers.table.stored import parse_object
from analysis.store import EvalRow, RunRow
from analysis.store.schema import METRICS, OBJECTS

State = Literal["new", "changed", "extended", "unchanged", "mirror"]
_METRIC_COLUMNS: Final = tuple(column.name for column in METRICS)
_OBJECT_COLUMNS: Final = tuple(column.name for column in OBJECTS)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of a run: its newest row (empty where there is none) and all that it logged."""

    row: RunRow
    logged: Logged


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows to append for one run, and what that makes of it."""

    run_id: str
    state: State
    origins: Origins | None = None
    metrics: pa.Table | None = None
    objects: pa.Table | None = None
    evals: list[EvalRow] = field(default_factory=list)
    row: RunRow | None = None
    notes: tuple[str, ...] = ()


def plan_run(run_id: str, run: SourceRun, new: Storable, stored: Stored, run_map: RunMap) -> Plan:
    """What the store lacks of a run.

    A run that was trained here only gets scores. One that the store has from elsewhere keeps the more trustworthy
    content: rows of two places are never added up, and a complete import gives way only to one that is complete and
    larger.
    """
    noted = read_origins(parse_object(stored.row.get("provenance_json")).get(NOTED_UNDER))
    if stored.row and noted is None:
        return _mirror(run_id, run, new.logged.scores, stored)
    if noted is not None and not _takes_over(run, noted):
        return _noted_only(run_id, run, stored, noted)
    merged = merge(new.logged, stored.logged)
    origins = (noted or Origins(key_digest(run))).with_run(_as_before(run, merged, noted), content=True)
    keeps_face = noted is not None and _face_before(run, noted) == origins.content.face
    row, notes = build_row(run_id, run, run_map, origins, merged.last, stored.row, keeps_face=keeps_face)
    return Plan(
        run_id,
        _state(merged, row, stored),
        origins=origins,
        metrics=_metrics(run_id, new.logged, merged),
        objects=_objects(run_id, new.logged, merged),
        evals=_evals(run_id, new.logged, merged),
        row=None if says_the_same(row, stored.row) else row,
        notes=tuple(notes),
    )


def _mirror(run_id: str, run: SourceRun, scores: Sequence[SourceScore], stored: Stored) -> Plan:
    """A run that was trained here gets scores that it does not have, at its newest attempt, and nothing else."""
    attempt, last_step = (int(str(stored.row.get(name) or least)) for name, least in (("attempt", 1), ("max_steps", 0)))
    placed = [replace(score, attempt=attempt, step=last_step if run.scores_at_end else score.step) for score in scores]
    told = {place_of(score): score for score in placed}
    known = {place_of(score) for score in stored.logged.scores if score.attempt == attempt}
    missing = [score for place, score in told.items() if place not in known]
    if not missing:
        note = "it is a mirror of a run that was trained here: nothing was added to that"
        return Plan(run_id, "mirror", notes=(note,))
    note = f"{len(missing)} of its scores were added to the run that was trained here, and nothing else"
    return Plan(run_id, "extended", evals=[_eval_row(run_id, score) for score in missing], notes=(note,))


def _takes_over(run: SourceRun, noted: Origins) -> bool:
    content, incoming = noted.content, origin_of(run)
    if key_digest(run) != noted.content_from:
        return incoming.trust > content.trust
    # Of copies with one key, the one that has less would undo what the other one tells, and the other way round.
    return not _is_worse(incoming, content) if run.label == content.label else incoming.trust >= content.trust


def _as_before(run: SourceRun, merged: Merge, noted: Origins | None) -> SourceRun:
    """With what was noted of its key before, as far as that is still so.

    The store still has rows that came from the same place, where there are fewer now; and a copy that has as much is
    no reason to write down another place.
    """
    if noted is None or noted.content_from != key_digest(run):
        return run
    if origin_of(run).trust == noted.content.trust:
        run = replace(run, label=noted.content.label)
    return run if merged.is_contradicted else replace(run, rows_got=max(run.rows_got, noted.content.rows))


def _face_before(run: SourceRun, noted: Origins) -> str | None:
    before = noted.origins.get(key_digest(run))
    return None if before is None else before.face


def _is_worse(incoming: Origin, content: Origin) -> bool:
    """The same place, where less can be read of it than once was."""
    return content.verdict == "complete" and incoming.verdict != "complete" and incoming.rows < content.rows


def _noted_only(run_id: str, run: SourceRun, stored: Stored, noted: Origins) -> Plan:
    """Content stays; where people have edited name, group or tags at this place since, that is taken."""
    key, content = key_digest(run), noted.content
    if key == noted.content_from:
        source = "an earlier import" if run.label == content.label else content.label
        reason = f"the store has {content.rows:,} rows of it from {source}; only {run.rows_got:,} came now"
        return Plan(run_id, "unchanged", notes=(f"{reason}, so nothing was changed",))
    before, origins = _face_before(run, noted), noted.with_run(run, content=False)
    edited = before is not None and before != origins.origins[key].face
    row = with_origins(stored.row, origins, run if edited else None)
    same = says_the_same(row, stored.row)
    note = f"it is the run that came from {content.label} ({content.kind}): its rows are not added again"
    return Plan(run_id, "changed" if edited else "unchanged", origins, row=None if same else row, notes=(note,))


def _state(merged: Merge, row: RunRow, stored: Stored) -> State:
    if not stored.row:
        return "new"
    if merged.is_contradicted:
        return "changed"
    if len(merged.rows):
        return "extended"
    return "unchanged" if says_the_same(row, stored.row) else "changed"


def _metrics(run_id: str, logged: Logged, merged: Merge) -> pa.Table | None:
    there = merged.rows < len(logged.metrics)
    return _appended(run_id, logged.metrics, merged.rows[there], merged.attempts[there], _METRIC_COLUMNS)


def _objects(run_id: str, logged: Logged, merged: Merge) -> pa.Table | None:
    first = len(logged.metrics)
    there = (merged.rows >= first) & (merged.rows < first + len(logged.objects))
    return _appended(run_id, logged.objects, merged.rows[there] - first, merged.attempts[there], _OBJECT_COLUMNS)


def _appended(
    run_id: str, table: pa.Table, rows: np.ndarray, attempts: np.ndarray, columns: tuple[str, ...]
) -> pa.Table | None:
    if not len(rows):
        return None
    taken = table if len(rows) == len(table) else table.take(pa.array(rows))
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), dtype=np.int32)), pa.array([run_id]))
    taken = taken.set_column(taken.schema.get_field_index("attempt"), "attempt", pa.array(attempts))
    return taken.append_column("run_id", same).select(columns)


def _evals(run_id: str, logged: Logged, merged: Merge) -> list[EvalRow]:
    first = len(logged.metrics) + len(logged.objects)
    there = merged.rows >= first
    places = zip(merged.rows[there].tolist(), merged.attempts[there].tolist(), strict=True)
    return [_eval_row(run_id, replace(logged.scores[row - first], attempt=attempt)) for row, attempt in places]


def _eval_row(run_id: str, score: SourceScore) -> EvalRow:
    return EvalRow(run_id=run_id, **asdict(score))
