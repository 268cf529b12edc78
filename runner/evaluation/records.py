"""Scores as rows of the store, with how they were made; and what the store has already."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, NamedTuple, cast

from analysis.store import EvalItemRow, EvalRow, Measured, RunRow, Store
from runner.evaluation.benchmark import Benchmark, Score
from runner.evaluation.settings import Settings, is_covered
from runner.evaluation.targets import Target

HARNESS: Final = "ucurve"
Record = Mapping[str, object]


class Scored(NamedTuple):
    """What one target got on a benchmark."""

    target: Target
    scores: Sequence[Score]
    record: Record
    """How it was made, as JSON."""
    overlap: Record | None
    """How much of the benchmark its training set holds, as JSON; None where that set is not known."""


def measured(target: Target, benchmark: Benchmark) -> Measured:
    """Returns the identity of a target's evaluation on a benchmark."""
    return Measured(target.run_id, target.attempt, target.step, benchmark.name, benchmark.digest)


class StoredScores:
    """Which evaluations the store has, and how they were asked for."""

    def __init__(self, store: Store, targets: Iterable[Target]) -> None:
        run_ids = sorted({target.run_id for target in targets})
        snapshot = store.snapshot()
        self._there = {_measured(row) for row in snapshot.scored(run_ids).to_pylist()}
        self._provenance = {run_id: _provenance(row) for run_id, row in snapshot.run_rows(run_ids).items()}

    def has(self, target: Target, benchmark: Benchmark, settings: Settings) -> bool:
        """Whether a target's score on these items, asked for in this way, is there."""
        return self.has_record(measured(target, benchmark), settings.record(benchmark))

    def has_record(self, wanted: Measured, settings: Record) -> bool:
        """Whether an evaluation with these settings is there."""
        return wanted in self._there and any(
            _names(record, wanted) and is_covered(settings, cast("Record", record["settings"]))
            for record in _records(self._provenance.get(wanted.run_id, {}), wanted.benchmark)
        )


class Written(NamedTuple):
    """One target's evaluation as rows of the store."""

    target: Target
    keys: Sequence[Measured]
    """Of everything that the rows are about, the benchmark first."""
    evals: Sequence[EvalRow]
    items: Sequence[EvalItemRow]
    record: Record
    overlap: Record | None = None


def write_scores(store: Store, benchmark: Benchmark, scored: Sequence[Scored]) -> None:
    """Writes a benchmark's scores of several targets; as `write_rows` does."""
    write_rows(
        store,
        [
            Written(
                one.target,
                (measured(one.target, benchmark),),
                _eval_rows(benchmark, one),
                _item_rows(benchmark, one),
                one.record,
                one.overlap,
            )
            for one in scored
        ],
    )


def write_rows(store: Store, written: Sequence[Written]) -> None:
    """Writes evaluations of several targets: items, scores, and last the runs' records of them.

    Where the store has parts of them, from a process that was killed or because they are measured anew, these go
    first. The record comes last, so that what has one is whole.

    Raises:
        StoreError: the store cannot be written.
    """
    store.drop_scores(key for one in written for key in one.keys)
    known = store.snapshot().run_rows(sorted({one.target.run_id for one in written}))
    rows: dict[str, RunRow] = {}
    for one in written:
        run_id = one.target.run_id
        rows[run_id] = _with_record(rows.get(run_id) or known.get(run_id) or one.target.row, one)
    store.append(
        eval_items=[row for one in written for row in one.items],
        evals=[row for one in written for row in one.evals],
        runs=[_renewed(store, row) for row in rows.values()],
    )


def _eval_rows(benchmark: Benchmark, scored: Scored) -> list[EvalRow]:
    key = measured(scored.target, benchmark)
    return [
        EvalRow(
            key.run_id,
            key.attempt,
            key.step,
            key.benchmark,
            score.metric,
            score.value,
            score.stderr,
            score.n_items,
            benchmark.chance_level,
            benchmark.metrics[score.metric] == "max",
            HARNESS,
            version("ucurve"),
            key.items_digest,
        )
        for score in scored.scores
    ]


def _item_rows(benchmark: Benchmark, scored: Scored) -> list[EvalItemRow]:
    key = measured(scored.target, benchmark)
    return [
        EvalItemRow(*key[:4], score.metric, item_id, key.items_digest, value)
        for score in scored.scores
        for item_id, value in score.items
    ]


def describe(
    target: Target, benchmark: Benchmark, settings: Settings, scores: Sequence[Score], **facts: object
) -> Record:
    """Returns what is to be known about an evaluation: settings, counts, precision; JSON without NaN."""
    key = measured(target, benchmark)
    main = scores[0]
    return {
        "attempt": key.attempt,
        "step": key.step,
        "items_digest": key.items_digest,
        "settings": settings.record(benchmark),
        "n_items": main.n_items,
        "n_excluded": len(benchmark.excluded),
        "n_nan": sum(math.isnan(value) for _, value in main.items),
        "problem": main.problem,
        "harness": HARNESS,
        "harness_version": version("ucurve"),
        "evaluated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }


def _with_record(row: RunRow, written: Written) -> RunRow:
    """The run's row with the record in `provenance_json["evaluation"][benchmark]`, in place of an older one."""
    provenance = dict(_provenance(row))
    key = written.keys[0]
    others = [record for record in _records(provenance, key.benchmark) if not _names(record, key)]
    provenance["evaluation"] = {
        **_object(provenance.get("evaluation")),
        key.benchmark: [*others, written.record],
    }
    if written.overlap is not None:
        provenance["contamination"] = {**_object(provenance.get("contamination")), key.benchmark: written.overlap}
    return {**row, "provenance_json": json.dumps(provenance, sort_keys=True)}


def _renewed(store: Store, row: RunRow) -> RunRow:
    """The row as a newer word on its run."""
    seq = row.get("seq")
    kept = {name: value for name, value in row.items() if name not in ("updated_at", "schema_version")}
    return {**kept, "seq": store.next_seq(after=seq if isinstance(seq, int) else 0)}


def _names(record: Record, wanted: Measured) -> bool:
    return all(record.get(name) == getattr(wanted, name) for name in ("attempt", "step", "items_digest"))


def _records(provenance: Record, benchmark: str) -> list[Record]:
    """The records of a benchmark; nothing of what others may have written there."""
    found = _object(provenance.get("evaluation")).get(benchmark)
    return [one for one in found if isinstance(one, dict) and "settings" in one] if isinstance(found, list) else []


def _provenance(row: RunRow) -> Record:
    return _object(json.loads(str(row.get("provenance_json") or "{}")))


def _object(value: object) -> Record:
    return value if isinstance(value, dict) else {}


def _measured(row: Mapping[str, object]) -> Measured:
    values = (row[name] for name in Measured._fields)
    return Measured(*values)  # type: ignore[arg-type]
