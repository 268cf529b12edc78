"""What has to be appended so that the store says what a table says; nothing where it already does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from analysis.importers.result import RowProblem
from analysis.importers.table.measured import without
from analysis.importers.table.runs import Place, ScorePlace, TableRun, identity_key, same_number
from analysis.importers.table.stored import StoredRun, changed_fields, contradicts, is_new_to, names_in, new_fields
from analysis.store import EvalRow, MetricRow, RunRow, canonical_json
from analysis.store.schema import Direction

_NAMED_BY: Final = (("learning_rate", "lr"), ("batch_size", "batch"), ("lora_rank", "rank"), ("seed", "seed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is noted in every run's provenance."""

    source: str
    file: str
    sha256: str
    measured: Set[str]
    directions: Mapping[str, Direction]


@dataclass(slots=True)
class Changes:
    """Rows to append, and how many runs they concern.

    Attributes:
        n_new: Runs that the store did not have.
        n_changed: Runs of which it had other values: they get a new attempt.
        n_extended: Runs about which it learns something more.
        n_unchanged: Runs of which it has everything.
        problems: Runs of another source that the table contradicts.
        n_refused_rows: Rows behind those.
    """

    runs: list[RunRow] = field(default_factory=list)
    metrics: list[MetricRow] = field(default_factory=list)
    evals: list[EvalRow] = field(default_factory=list)
    n_new: int = 0
    n_changed: int = 0
    n_extended: int = 0
    n_unchanged: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    n_refused_rows: int = 0

    def counts_text(self) -> str:
        """How many runs of each kind, in words."""
        counts = (("new", self.n_new), ("changed", self.n_changed), ("extended", self.n_extended))
        return ", ".join(f"{count:,} {word}" for word, count in (*counts, ("unchanged", self.n_unchanged)))


def compare(runs: Mapping[str, TableRun], stored: Mapping[str, StoredRun], origin: Origin) -> Changes:
    """Returns what is to be appended for the runs of one table, by the ids they have."""
    changes = Changes()
    for run_id, run in sorted(runs.items()):
        known = stored.get(run_id)
        if known is None or "status" not in known.row:
            changes.n_new += 1
            _add_run(changes, run_id, run, known or StoredRun({}), origin, attempt=1)
        elif not contradicts(run, known):
            _extend(changes, run_id, run, known, origin)
        elif known.row.get("source") != origin.source:
            _refuse(changes, run_id, run, known)
        else:
            changes.n_changed += 1
            _add_run(changes, run_id, _overlaid(run, known), known, origin, attempt=known.attempt + 1)
    return changes


def _add_run(changes: Changes, run_id: str, run: TableRun, known: StoredRun, origin: Origin, *, attempt: int) -> None:
    """A whole new attempt. One that a killed import began is completed; one that says something else is passed by."""
    while not _fits(run, known, attempt):
        attempt += 1
    _add_logged(changes, run_id, run, known, attempt)
    changes.runs.append(_row(run_id, run, known, origin, attempt))


def _fits(run: TableRun, known: StoredRun, attempt: int) -> bool:
    there, scores = known.metrics[attempt], known.scores[attempt]
    return all(
        place in run.metrics and same_number(run.metrics[place].value, old.value) for place, old in there.items()
    ) and all(place in run.scores and same_number(run.scores[place].score, old.score) for place, old in scores.items())


def _add_logged(changes: Changes, run_id: str, run: TableRun, known: StoredRun, attempt: int) -> None:
    there: Set[Place] = known.metrics[attempt].keys()
    scored: Set[ScorePlace] = known.scores[attempt].keys()
    changes.metrics += [
        MetricRow(run_id, attempt, step, new.tokens_seen, new.wall_time, name, new.value)
        for (name, step), new in run.metrics.items()
        if (name, step) not in there
    ]
    changes.evals += [
        EvalRow(run_id, attempt, step, benchmark, metric, *score)
        for (benchmark, metric, step), score in run.scores.items()
        if (benchmark, metric, step) not in scored
    ]


def _extend(changes: Changes, run_id: str, run: TableRun, known: StoredRun, origin: Origin) -> None:
    """The same attempt with what was not known of it; the run's own row only where that has to change."""
    own = known.row.get("source") == origin.source
    directed = known.provenance.get("metric_directions")
    said = directed if isinstance(directed, dict) else {}
    turned = any(said.get(metric) != better for metric, better in _directions(run, origin).items())
    regrouped = own and known.row.get("trial_key") != _key(run, known, origin)
    if not (is_new_to(run, known) or turned or regrouped):
        changes.n_unchanged += 1
        return
    changes.n_extended += 1
    _add_logged(changes, run_id, run, known, known.attempt)
    if new_fields(run, known) or not run.config.keys() <= known.config.keys() or turned or regrouped:
        changes.runs.append(_row(run_id, run, known, origin, known.attempt))


def _refuse(changes: Changes, run_id: str, run: TableRun, known: StoredRun) -> None:
    changes.n_refused_rows += run.n_rows
    names = sorted({*changed_fields(run, known), *_other_config(run, known)}) or ["what it logged"]
    reason = (
        f"run {run_id} belongs to source {known.row.get('source')!r}, and {', '.join(names[:5])} would change; "
        f"a table can add to such a run but not change it (--source NAME keeps the table's runs apart)"
    )
    changes.problems.append(RowProblem(run.line, None, None, reason))


def _other_config(run: TableRun, known: StoredRun) -> list[str]:
    config = known.config
    return [name for name, value in run.config.items() if name in config and config[name] != value]


def _overlaid(run: TableRun, known: StoredRun) -> TableRun:
    """What the table says, and what only the store's last attempt says."""
    attempt = known.attempt
    whole = TableRun(run.named, run.fields, run.config, run.key, run.n_rows, run.line, run.hints)
    whole.metrics = known.metrics[attempt] | run.metrics
    whole.scores = {**known.scores[attempt], **run.scores}
    return whole


def _row(run_id: str, run: TableRun, known: StoredRun, origin: Origin, attempt: int) -> RunRow:
    """The run's whole new row; of a run of another source only what was unknown is added."""
    kept = {name: value for name, value in known.row.items() if name not in ("seq", "updated_at", "schema_version")}
    own = kept.get("source", origin.source) == origin.source
    row = {"source": origin.source, "status": "finished", "name": _name(run, run_id)} | run.hints | kept | run.fields
    config = {**known.config, **run.config}
    return row | {
        "run_id": run_id,
        "attempt": attempt,
        "config_json": canonical_json(config),
        "trial_key": _key(run, known, origin) if own else kept.get("trial_key"),
        "provenance_json": json.dumps(_provenance(run, known, origin, own=own), sort_keys=True),
    }


def _name(run: TableRun, run_id: str) -> str:
    """What people call it: as the table does, else by what varies most often."""
    parts = [f"{short} {run.fields[name]:g}" for name, short in _NAMED_BY if name in run.fields]
    return run.named or ", ".join(parts) or run_id


def _key(run: TableRun, known: StoredRun, origin: Origin) -> str:
    if not known.row:
        return run.key
    measured = origin.measured | names_in(known.provenance, "measured")
    return identity_key(origin.source, without(known.config | run.config, measured))


def _directions(run: TableRun, origin: Origin) -> dict[str, Direction]:
    logged = {metric for metric, _ in run.metrics}
    return {metric: better for metric, better in origin.directions.items() if metric in logged}


def _provenance(run: TableRun, known: StoredRun, origin: Origin, *, own: bool) -> dict[str, object]:
    before = known.provenance
    said = before.get("metric_directions")
    directions = (said if isinstance(said, dict) else {}) | _directions(run, origin)
    found = dict(before)
    if own:
        found |= {"file": origin.file, "file_sha256": origin.sha256}
        measured = names_in(before, "measured") | (origin.measured & run.config.keys())
        added = names_in(before, "added") | (run.config.keys() - known.config.keys() if known.row else frozenset())
        found |= {key: sorted(names) for key, names in (("measured", measured), ("added", added)) if names}
    return found | ({"metric_directions": directions} if directions else {})
