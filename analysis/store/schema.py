"""The columns of the store's tables, as data: name, type, unit, meaning. Everything else is derived from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import pyarrow as pa

SCHEMA_VERSION: Final = 4
"""Grows when columns or tables are added. Added columns are nullable and a missing table reads as an empty one, so a
store of an older version stays readable as it is. 2: the tables objects, imports and agreements. 3: the table
eval_items. 4: the table annotations."""

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp", "list<string>"]
Rule = Literal["id", "status", "verdict", "json", "count", "finite", "label", "subject", "annotation"]
Direction = Literal["min", "max"]
"""Whether lower or higher values of a metric are better."""
RunRow = Mapping[str, object]
"""One state of one run: keys are columns of `RUNS`, missing keys are null; `run_id` and `status` are required."""
ImportRow = Mapping[str, object]
"""One word on one import: keys are columns of `IMPORTS`; `kind`, `label` and `verdict` are required."""
AgreementRow = Mapping[str, object]
"""One state of one agreement: keys are columns of `AGREEMENTS`; what is required there has to be given."""
AnnotationRow = Mapping[str, object]
"""One act of annotating: keys are columns of `ANNOTATIONS`; what is required there has to be given."""

FINAL_STATUSES: Final = frozenset({"finished", "failed", "diverged", "pruned", "stopped", "lost"})
STATUSES: Final = FINAL_STATUSES | {"queued", "running", "unconfirmed"}
VERDICTS: Final = frozenset({"complete", "partial", "unverified", "quarantined"})
SUBJECT_KINDS: Final = frozenset({"run", "sweep", "view"})
ANNOTATION_KINDS: Final = frozenset({"tag", "note", "star", "query"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its name, type, unit and meaning, whether it may be missing, and what else must hold."""

    name: str
    type: ColumnType
    unit: str
    meaning: str
    required: bool = False
    rule: Rule | None = None


class MetricRow(NamedTuple):
    """One logged value; the fields are the columns of `METRICS`, in their order."""

    run_id: str
    attempt: int
    step: int
    tokens_seen: int | None
    wall_time: float | None
    name: str
    value: float


class ObjectRow(NamedTuple):
    """One logged value that is no plain number; the fields are the columns of `OBJECTS`, in their order."""

    run_id: str
    attempt: int
    step: int
    name: str
    json: str


class EvalRow(NamedTuple):
    """One benchmark score; the fields are the columns of `EVALS`, in their order."""

    run_id: str
    attempt: int
    step: int
    benchmark: str
    metric: str
    score: float
    stderr: float | None = None
    n_items: int | None = None
    chance_level: float | None = None
    higher_is_better: bool | None = None
    harness: str | None = None
    harness_version: str | None = None
    items_digest: str | None = None


class EvalItemRow(NamedTuple):
    """What a run got on one item of a benchmark; the fields are the columns of `EVAL_ITEMS`, in their order."""

    run_id: str
    attempt: int
    step: int
    benchmark: str
    metric: str
    item_id: str
    items_digest: str
    score: float


class Measured(NamedTuple):
    """One evaluation: which run, when, on which items. Equal in `evals` and `eval_items` for what belongs together."""

    run_id: str
    attempt: int
    step: int
    benchmark: str
    items_digest: str

    def predicate(self) -> str:
        """SQL that its rows fulfil."""
        return " AND ".join(f"{name} = {_sql(value)}" for name, value in self._asdict().items())


def _sql(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


RUNS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", "", "identity of one configuration with one seed", required=True, rule="id"),
    Column("seq", "int64", "ns", "order of a run's rows: the largest wins", required=True),
    Column("source", "string", "", "where the run comes from: `local` (trained by Ucurve), `wandb`, a table ..."),
    Column("sweep_id", "string", "", "the sweep that the run belongs to", rule="id"),
    Column("project", "string", "", "what it was kept in where it comes from: a W&B project, an MLflow experiment ..."),
    Column("name", "string", "", "name for people; never parsed"),
    Column("group", "string", "", "the user's own grouping"),
    Column("tags", "list<string>", "", "the user's own labels"),
    Column(
        "status",
        "string",
        "",
        "queued, running, finished, failed, diverged, pruned, stopped, lost or unconfirmed",
        required=True,
        rule="status",
    ),
    Column("status_reason", "string", "", "why the status is what it is, in a few words"),
    Column("attempt", "int64", "", "which try this is, from 1; attempts are never merged into one curve", rule="count"),
    Column("parent_run_id", "string", "", "the run whose weights this one started from", rule="id"),
    Column("fork_step", "int64", "steps", "the parent's step at which this run started", rule="count"),
    Column("model", "string", "", "base model, as named by the user"),
    Column("tokenizer_id", "string", "", "digest or name of the tokenizer; losses compare only inside one"),
    Column("dataset", "string", "", "training data, with its digest where known"),
    Column("eval_set_id", "string", "", "digest of the held-out examples; losses compare only inside one"),
    Column("objective", "string", "", "what is minimised, for example sft on response tokens"),
    Column("adapter", "string", "", "lora, full ..."),
    Column("learning_rate", "float64", "", "configured peak learning rate, never the decayed one", rule="finite"),
    Column("lr_schedule", "string", "", "constant, linear, cosine ..."),
    Column("warmup_steps", "int64", "steps", "optimizer steps of warm-up", rule="count"),
    Column("batch_size", "int64", "sequences", "sequences per optimizer step, accumulation included", rule="count"),
    Column("batch_tokens", "float64", "tokens", "mean number of trained tokens per optimizer step"),
    Column("grad_accum_steps", "int64", "", "micro-batches per optimizer step"),
    Column("lora_rank", "int64", "", "rank of the low-rank pairs"),
    Column("lora_alpha", "float64", "", "numerator of the adapter's scale"),
    Column("lora_dropout", "float64", "share", "dropout in front of the adapter"),
    Column("target_modules", "list<string>", "", "the projections that carry an adapter"),
    Column("weight_decay", "float64", "", "decoupled weight decay"),
    Column("clip_kind", "string", "", "what is clipped: norm, value or none"),
    Column("clip_value", "float64", "", "the clipping threshold"),
    Column("optimizer", "string", "", "adamw ..."),
    Column("epochs", "float64", "epochs", "budget in passes over the training data"),
    Column("max_steps", "int64", "steps", "budget in optimizer steps"),
    Column("token_budget", "int64", "tokens", "budget in trained tokens"),
    Column("seed", "int64", "", "seed of data order and adapter initialisation"),
    Column(
        "config_json",
        "string",
        "",
        "all that was configured, one JSON object; any key can filter and group",
        rule="json",
    ),
    Column("trial_key", "string", "", "hash of the configuration without the seed: equal for replicates"),
    Column("tokens_seen", "int64", "tokens", "trained tokens so far", rule="count"),
    Column("wall_s", "float64", "s", "seconds of training so far"),
    Column("device", "string", "", "what it trained on"),
    Column("peak_memory_bytes", "int64", "bytes", "largest memory use seen"),
    Column("host", "string", "", "machine that trained it"),
    Column("provenance_json", "string", "", "versions, commit and command, one JSON object", rule="json"),
    Column("created_at", "timestamp", "UTC", "when the run was first written down"),
    Column("updated_at", "timestamp", "UTC", "when this row was written", required=True),
    Column("schema_version", "int64", "", "version of these columns that wrote the row", required=True),
)

METRICS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", "", "the run", required=True, rule="id"),
    Column("attempt", "int64", "", "the try that logged it, from 1", required=True, rule="count"),
    Column("step", "int64", "steps", "optimizer steps done, 0-based", required=True, rule="count"),
    Column("tokens_seen", "int64", "tokens", "trained tokens so far", rule="count"),
    Column("wall_time", "float64", "s", "seconds since the run started", rule="finite"),
    Column("name", "string", "", "which metric; `loss` and `Loss` are two", required=True, rule="label"),
    Column("value", "float64", "", "the value as logged; NaN and infinities are kept", required=True),
)

EVALS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", "", "the run", required=True, rule="id"),
    Column("attempt", "int64", "", "the try that was evaluated, from 1", required=True, rule="count"),
    Column("step", "int64", "steps", "optimizer steps done at the evaluation", required=True, rule="count"),
    Column("benchmark", "string", "", "which benchmark", required=True, rule="label"),
    Column("metric", "string", "", "which of its metrics", required=True, rule="label"),
    Column("score", "float64", "", "the score as reported", required=True),
    Column("stderr", "float64", "", "its standard error"),
    Column("n_items", "int64", "items", "items behind the score", rule="count"),
    Column("chance_level", "float64", "", "score of guessing"),
    Column("higher_is_better", "bool", "", "direction of the metric"),
    Column("harness", "string", "", "program that measured it"),
    Column("harness_version", "string", "", "its version"),
    Column("items_digest", "string", "", "digest of the items: equal means the same questions"),
)

OBJECTS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", "", "the run", required=True, rule="id"),
    Column("attempt", "int64", "", "the try that logged it, from 1", required=True, rule="count"),
    Column("step", "int64", "steps", "optimizer steps done, 0-based", required=True, rule="count"),
    Column("name", "string", "", "under which name it was logged", required=True, rule="label"),
    Column("json", "string", "", "the value as logged: null, text, a list, a whole table ...", required=True),
)

EVAL_ITEMS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", "", "the run", required=True, rule="id"),
    Column("attempt", "int64", "", "the try that was evaluated, from 1", required=True, rule="count"),
    Column("step", "int64", "steps", "optimizer steps done at the evaluation", required=True, rule="count"),
    Column("benchmark", "string", "", "which benchmark", required=True, rule="label"),
    Column("metric", "string", "", "which of its metrics", required=True, rule="label"),
    Column("item_id", "string", "", "which item; the same question has the same one", required=True, rule="label"),
    Column("items_digest", "string", "", "digest of all items, as in `evals`", required=True, rule="label"),
    Column("score", "float64", "", "what it got on the item; for right or wrong 1 or 0", required=True),
)

IMPORTS: Final[tuple[Column, ...]] = (
    Column("kind", "string", "", "kind of source: `wandb`, `trainer` ...", required=True, rule="label"),
    Column("label", "string", "", "the source: `entity/project/id`, or a path", required=True),
    Column("item", "string", "", "the file, folder or project that held it"),
    Column("seq", "int64", "ns", "order of the rows of one kind and label: the largest wins", required=True),
    Column("run_id", "string", "", "the run that it became", rule="id"),
    Column("digest", "string", "", "other whenever the source has changed"),
    Column("verdict", "string", "", "complete, partial, unverified or quarantined", required=True, rule="verdict"),
    Column("rows_expected", "int64", "rows", "logged steps that the source has", rule="count"),
    Column("rows_got", "int64", "rows", "logged steps that the store has", rule="count"),
    Column("lost_records", "int64", "records", "known to be lost", rule="count"),
    Column("n_redacted", "int64", "", "secrets that were taken out", rule="count"),
    Column("reason", "string", "", "why it is not complete"),
    Column("details_json", "string", "", "problems, notes and more, one JSON object", rule="json"),
    Column("imported_at", "timestamp", "UTC", "when this row was written", required=True),
    Column("schema_version", "int64", "", "version of these columns that wrote the row", required=True),
)

AGREEMENTS: Final[tuple[Column, ...]] = (
    Column("agreement_id", "string", "", "hash of what, value and source", required=True, rule="id"),
    Column("seq", "int64", "ns", "order of an agreement's rows: the largest wins", required=True),
    Column("what", "string", "", "`metric`, or a column of runs", required=True, rule="label"),
    Column("value", "string", "", "the name or value as stored; missing means: where nothing is stored"),
    Column("source", "string", "", "only for runs of this source; missing means all"),
    Column("counts_as", "string", "", "the name or value that it counts as", required=True, rule="label"),
    Column("because", "string", "", "why, in the user's words"),
    Column("author", "string", "", "who said so"),
    Column("active", "bool", "", "false once it was taken back", required=True),
    Column("updated_at", "timestamp", "UTC", "when this row was written", required=True),
    Column("schema_version", "int64", "", "version of these columns that wrote the row", required=True),
)

ANNOTATIONS: Final[tuple[Column, ...]] = (
    Column("annotation_id", "string", "", "hash of what was said, and of a note's author", required=True, rule="id"),
    Column("seq", "int64", "ns", "order of an annotation's rows: the largest wins", required=True),
    Column("subject_kind", "string", "", "run, sweep or view (a saved view)", required=True, rule="subject"),
    Column("subject_id", "string", "", "the run, the sweep, or the view's name", required=True, rule="label"),
    Column("kind", "string", "", "tag, note, star, or query (of a view)", required=True, rule="annotation"),
    Column(
        "text", "string", "", "the tag, the note, the view's page with its filters; empty for a star", required=True
    ),
    Column("author", "string", "", "name of whoever did this", required=True),
    Column("author_id", "string", "", "who that is: the sign-in's `sub`, or the system's user", required=True),
    Column("via", "string", "", "`command line` or `dashboard`"),
    Column("active", "bool", "", "false where this takes it back", required=True),
    Column("created_at", "timestamp", "UTC", "when this was done", required=True),
    Column("schema_version", "int64", "", "version of these columns that wrote the row", required=True),
)

ANNOTATED: Final[tuple[Column, ...]] = (
    Column("starred", "bool", "", "whether somebody starred the run"),
    Column("n_notes", "int64", "", "notes on the run"),
)
"""Columns of a snapshot's runs that follow from annotations."""
SAID: Final[Mapping[str, Column]] = {
    "tag": Column("tags", "list<string>", "", "one of the tags"),
    "note": Column("notes", "list<string>", "", "one of the notes on the run"),
}
"""Words for filters alone, with the column that each looks at; a configuration's key of that name counts as well."""
FILTERABLE: Final[tuple[Column, ...]] = (*RUNS, *ANNOTATED, *(replace(SAID[name], name=name) for name in SAID))
"""What a filter can name besides keys of the configuration."""

TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "runs": RUNS,
    "metrics": METRICS,
    "evals": EVALS,
    "objects": OBJECTS,
    "eval_items": EVAL_ITEMS,
    "imports": IMPORTS,
    "agreements": AGREEMENTS,
    "annotations": ANNOTATIONS,
}
ALWAYS_THERE: Final = ("runs", "metrics", "evals")
"""Tables that a new store gets at once; the others are made when the first row comes."""

_ARROW: Final = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "list<string>": pa.list_(pa.string()),
}


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Arrow schema of a table. All fields are nullable: what is required is checked when rows come in."""
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in columns])


def column_named(columns: tuple[Column, ...], name: str) -> Column | None:
    """The column called `name`, or None."""
    return next((column for column in columns if column.name == name), None)
