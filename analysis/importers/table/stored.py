"""What the store already holds of the runs that a table talks about."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from analysis.importers.table.measured import without
from analysis.importers.table.row_reader import Score
from analysis.importers.table.runs import Logged, Place, ScorePlace, TableRun, identity_key, same_number
from analysis.importers.table.table_map import MEASURED_FIELDS
from analysis.store import Snapshot
from analysis.store.schema import FINAL_STATUSES

_PROGRESS: Final = frozenset({"status", "status_reason", *MEASURED_FIELDS})
"""Fields that move on while a run is not over."""


@dataclass(slots=True)
class StoredRun:
    """One run of the store: its newest row, and what each attempt logged."""

    row: Mapping[str, object]
    metrics: dict[int, dict[Place, Logged]] = field(default_factory=lambda: defaultdict(dict))
    scores: dict[int, dict[ScorePlace, Score]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def attempt(self) -> int:
        """The attempt that counts."""
        known = self.row.get("attempt")
        return known if isinstance(known, int) else max([1, *self.metrics, *self.scores])

    @property
    def config(self) -> dict[str, object]:
        """Its configuration."""
        return parse_object(self.row.get("config_json"))

    @property
    def provenance(self) -> dict[str, object]:
        """Where it came from."""
        return parse_object(self.row.get("provenance_json"))

    def key(self, source: str, measured: Set[str]) -> str:
        """Its trial key by the rules of the table that is being imported."""
        own = names_in(self.provenance, "measured") | names_in(self.provenance, "added")
        return identity_key(source, without(self.config, own | measured))


def parse_object(text: object) -> dict[str, object]:
    """A JSON object, or an empty one where the text holds none."""
    if not isinstance(text, str):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def names_in(provenance: Mapping[str, object], key: str) -> frozenset[str]:
    """A list of column names that an earlier import noted."""
    found = provenance.get(key)
    return frozenset(str(name) for name in found) if isinstance(found, list) else frozenset()


def stored_rows(snapshot: Snapshot, source: str, named: Iterable[str]) -> dict[str, StoredRun]:
    """All runs of a source and those with one of the ids, without what they logged."""
    rows = snapshot.rows_of_source(source)
    rows |= snapshot.run_rows(sorted({*named} - rows.keys()))
    return {run_id: StoredRun(row) for run_id, row in rows.items()}


def add_contents(snapshot: Snapshot, runs: Mapping[str, StoredRun]) -> None:
    """Fills in what the runs logged, in all attempts: also of an import that was killed before it wrote the runs."""
    run_ids = list(runs)
    if not run_ids:
        return
    for run_id, attempt, step, tokens, seconds, name, value in _rows(snapshot.logged(run_ids)):
        runs[run_id].metrics[attempt][name, step] = Logged(value, tokens, seconds)
    for run_id, attempt, step, benchmark, metric, *score in _rows(snapshot.scored(run_ids)):
        runs[run_id].scores[attempt][benchmark, metric, step] = Score(*score)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def contradicts(run: TableRun, stored: StoredRun) -> bool:
    """Whether a table says something else about a run than the store; what one of them lacks is no contradiction."""
    if changed_fields(run, stored) or _differs(run.config, stored.config):
        return True
    metrics, scores = stored.metrics[stored.attempt], stored.scores[stored.attempt]
    if any(place in metrics and not same_number(metrics[place].value, new.value) for place, new in run.metrics.items()):
        return True
    return any(place in scores and not _same_score(scores[place], score) for place, score in run.scores.items())


def is_new_to(run: TableRun, stored: StoredRun) -> bool:
    """Whether a table says anything at all that the store does not: if not, nothing has to be written."""
    metrics, scores = stored.metrics[stored.attempt], stored.scores[stored.attempt]
    return (
        contradicts(run, stored)
        or bool(new_fields(run, stored))
        or not run.config.keys() <= stored.config.keys()
        or not run.metrics.keys() <= metrics.keys()
        or not run.scores.keys() <= scores.keys()
    )


def is_same_as(run: TableRun, stored: StoredRun) -> bool:
    """Whether both say the same, so that there is no doubt that they are one run."""
    attempt = stored.attempt
    return (
        run.metrics.keys() == stored.metrics[attempt].keys()
        and run.scores.keys() == stored.scores[attempt].keys()
        and not contradicts(run, stored)
    )


def has_same_config(run: TableRun, stored: StoredRun) -> bool:
    """Whether the configurations agree, measurements that are kept in them included."""
    return not _differs(run.config, stored.config)


def changed_fields(run: TableRun, stored: StoredRun) -> dict[str, object]:
    """Fields that the store has with another value. What a run that was not over has come to since is no change."""
    over = stored.row.get("status") in FINAL_STATUSES
    progress = frozenset() if over else _PROGRESS
    fixed = {name: value for name, value in run.fields.items() if name not in progress}
    return {name: value for name, value in fixed.items() if name in stored.row and not _same(stored.row[name], value)}


def new_fields(run: TableRun, stored: StoredRun) -> dict[str, object]:
    """Fields that a table states and the store lacks or has otherwise."""
    row = stored.row
    missing = {name: value for name, value in run.hints.items() if name not in row}
    return missing | {
        name: value for name, value in run.fields.items() if name not in row or not _same(row[name], value)
    }


def _differs(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return any(name in other and not _same(other[name], value) for name, value in one.items())


def _same(one: object, other: object) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return list(one) == list(other)
    return one == other


def _same_score(one: Score, other: Score) -> bool:
    """Whether two scores agree wherever both say something."""
    numbers = same_number(one.score, other.score)
    return numbers and all(a is None or b is None or a == b for a, b in zip(one[1:], other[1:], strict=True))
