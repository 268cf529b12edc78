"""What a source says about one run: the form that every importer fills and one sink writes.

Reading a source and writing to the store are apart: sources read foreign files or servers, in a process of their own,
and give `SourceRun`s; only `analysis.importers.sink` compares those with the store and appends what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyarrow as pa

from analysis.importers.result import RowProblem, Verdict
from analysis.store.schema import Direction

HISTORY_SCHEMA: Final = pa.schema(
    [
        ("attempt", pa.int64()),  # from 1, in the order in which the attempts began
        ("step", pa.int64()),  # from 0
        ("tokens_seen", pa.int64()),  # null where the source does not say
        ("wall_time", pa.float64()),  # seconds since the attempt began, null where the source does not say
        ("name", pa.dictionary(pa.int32(), pa.string())),  # as logged, never renamed
        ("value", pa.float64()),  # every number as logged, NaN and infinities too; never null
    ]
)
"""Numbers that were logged: one row per attempt, step and name. Of several values for one place the last one counts."""

OBJECTS_SCHEMA: Final = pa.schema(
    [("attempt", pa.int64()), ("step", pa.int64()), ("name", pa.string()), ("json", pa.string())]
)
"""Logged values that are no number, as JSON: null, text, booleans, lists, histograms, whole tables, and integers that a
double cannot hold exactly (those stand in the history too, rounded)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScore:
    """One benchmark score; the fields are those of `analysis.store.EvalRow` without the run."""

    benchmark: str
    metric: str
    score: float
    step: int = 0
    attempt: int = 1
    stderr: float | None = None
    n_items: int | None = None
    chance_level: float | None = None
    higher_is_better: bool | None = None
    harness: str | None = None
    harness_version: str | None = None
    items_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRun:
    """One run as its source tells it.

    Attributes:
        kind: The source's kind, such as `wandb`; becomes the column `source`.
        label: What names the run for people and in the table of imports: `entity/project/id`, or a path.
        key: What names the run at its source, and nothing else: the same key is the same run. Gives a new run its id.
        marks: Texts each of which proves that two runs are one, whatever their keys: a copy of a folder, or the same
            run offline and online. Empty where there is no proof.
        own_run_id: Id of the run of Ucurve that this is a mirror of, or None.
        status: One of the store's statuses.
        name: For people; never parsed.
        sweep: Name of the sweep that it belongs to.
        project: What the source keeps runs of one purpose together in, such as a W&B project, without its owner.
        config: As it was logged, nested; nothing renamed, nothing left out but the client's own entries.
        columns: Typed columns of the store that the source itself knows, such as `model` from an adapter's file. They
            go before what the rules find in `config`.
        summary: Last or best values as the source states them; kept in the provenance.
        history: Table of `HISTORY_SCHEMA`.
        objects: Table of `OBJECTS_SCHEMA`.
        scores: Benchmark scores.
        scores_at_end: The scores are of the model that the training ended with, but after how many steps is not known
            at the source; at a run that was trained here they stand at its last step.
        directions: Metric -> whether lower or higher is better, where the source says so.
        environment: Versions, commit, command line, machine: becomes `provenance_json`.
        verdict: How much arrived, as in `result.SourceResult`.
        rows_expected: Logged rows (steps with their values) that the source has.
        rows_got: Logged rows in `history` and `objects`.
        lost_records: Records known to be lost, where the source counts them; else rows expected less rows got.
        reason: Why it is not complete.
        problems: Single values or lines that did not come in.
        notes: Sentences about what was decided; nothing is wrong.
        no_trial_keys: Dotted keys of `config` that name or place this one run (folders, names, dates), so that they do
            not make replicates differ; the general rules know the common ones.
    """

    kind: str
    label: str
    key: tuple[str, ...]
    status: str
    verdict: Verdict
    marks: tuple[str, ...] = ()
    own_run_id: str | None = None
    status_reason: str | None = None
    exit_code: int | None = None
    name: str | None = None
    group: str | None = None
    job_type: str | None = None
    tags: tuple[str, ...] = ()
    notes_text: str | None = None
    sweep: str | None = None
    project: str | None = None
    created_at: datetime | None = None
    config: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    summary: Mapping[str, object] = field(default_factory=dict)
    history: pa.Table = field(default_factory=HISTORY_SCHEMA.empty_table)
    objects: pa.Table = field(default_factory=OBJECTS_SCHEMA.empty_table)
    scores: Sequence[SourceScore] = ()
    scores_at_end: bool = False
    directions: Mapping[str, Direction] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    rows_expected: int = 0
    rows_got: int = 0
    lost_records: int | None = None
    reason: str | None = None
    problems: Sequence[RowProblem] = ()
    notes: Sequence[str] = ()
    no_trial_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that looks like this source but of which nothing can be taken.

    Attributes:
        label: The place.
        reason: One sentence: what is wrong, and what to do.
        hides_others: The place could not be looked through to the end: what an earlier import found there and this one
            does not need not be gone.
    """

    kind: str
    label: str
    reason: str
    hides_others: bool = False
