"""How benchmarks were measured, beyond what a score's row says: read from the provenance of the runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import pandas as pd

from analysis.benchmarks.types import BenchmarkColumn, Flag

Record: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is known of how a column was measured; counts are the largest of any run, None where nobody said.

    Attributes:
        column: Its key.
        n_exact: Items of which the training set of some run holds a copy.
        n_near: Items of which it holds a near copy, the exact ones among them.
        n_contaminated_runs: Runs whose training set holds any.
        n_excluded: Items that were left out as bad.
        n_truncated: Items that were cut to fit into the context.
        decoding: How generated answers were written, where all runs did it alike: JSON; else None.
    """

    column: str
    n_exact: int | None = None
    n_near: int | None = None
    n_contaminated_runs: int = 0
    n_excluded: int | None = None
    n_truncated: int | None = None
    decoding: str | None = None

    @property
    def is_contaminated(self) -> bool:
        """Whether a training set holds items, or nearly."""
        return bool(self.n_exact or self.n_near)

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        counts = {key: value for key, value in asdict(self).items() if key != "column"}
        return counts | {"decoding": None if self.decoding is None else json.loads(self.decoding)}


def read_conditions(
    runs: pd.DataFrame, run_ids: Iterable[str], columns: Sequence[BenchmarkColumn]
) -> tuple[Conditions, ...]:
    """Returns what the provenance of these runs says of each column.

    `provenance_json` has `contamination` (benchmark -> `n_items`, `n_exact`, `n_near`, `digest`) and `evaluation`
    (benchmark -> one record or a list of them, with `items_digest`, `n_excluded`, `n_truncated`, `settings`). What has
    another digest than the column is about other items and does not count.

    Args:
        runs: As `Snapshot.runs` gives them.
        run_ids: The runs that have scores.
        columns: The columns.
    """
    if "provenance_json" not in runs.columns:
        return tuple(Conditions(column=column.key) for column in columns)
    asked = set(run_ids)
    texts = [
        text
        for run_id, text in zip(runs["run_id"], runs["provenance_json"], strict=True)
        if str(run_id) in asked and isinstance(text, str) and ('"contamination"' in text or '"evaluation"' in text)
    ]
    said = [_object(_parsed(text)) for text in texts]
    return tuple(_conditions(column, said) for column in columns)


def condition_flags(conditions: Sequence[Conditions]) -> list[Flag]:
    """Returns a flag per column whose items stand in a training set, and one on what was left out or cut."""
    flags = []
    for found in conditions:
        if found.is_contaminated:
            text = (
                f"{found.column}: the training data of {found.n_contaminated_runs} runs holds copies of "
                f"{found.n_exact or 0} items and near copies of {max((found.n_near or 0) - (found.n_exact or 0), 0)} "
                "more (the most of any run), so scores there may be remembered rather than earned."
            )
            flags.append(Flag("contamination", text, (found.column,)))
        if found.n_excluded or found.n_truncated:
            parts = [
                f"{n:,} items were {what}"
                for n, what in ((found.n_excluded, "left out as bad"), (found.n_truncated, "cut to fit the context"))
                if n
            ]
            flags.append(Flag("items", f"{found.column}: {' and '.join(parts)}.", (found.column,)))
    return flags


def _conditions(column: BenchmarkColumn, said: Sequence[Record]) -> Conditions:
    overlaps = [
        record
        for provenance in said
        for record in _records(_object(provenance.get("contamination")).get(column.benchmark))
        if _fits(record, column, "digest")
    ]
    records = [
        record
        for provenance in said
        for record in _records(_object(provenance.get("evaluation")).get(column.benchmark))
        if _fits(record, column, "items_digest")
    ]
    decodings = {json.dumps(_decoding(record), sort_keys=True) for record in records} - {"null"}
    return Conditions(
        column=column.key,
        n_exact=_most(overlaps, "n_exact"),
        n_near=_most(overlaps, "n_near"),
        n_contaminated_runs=sum(bool(_count(found, "n_exact") or _count(found, "n_near")) for found in overlaps),
        n_excluded=_most(records, "n_excluded"),
        n_truncated=_most(records, "n_truncated"),
        decoding=next(iter(decodings)) if len(decodings) == 1 else None,
    )


def _fits(record: Record, column: BenchmarkColumn, key: str) -> bool:
    digest = record.get(key)
    return bool(record) and (digest is None or column.items_digest is None or digest == column.items_digest)


def _decoding(record: Record) -> object:
    return record.get("decoding", _object(record.get("settings")).get("decoding"))


def _most(records: Sequence[Record], key: str) -> int | None:
    counts = [count for record in records if (count := _count(record, key)) is not None]
    return max(counts, default=None)


def _count(record: Record, key: str) -> int | None:
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _records(value: object) -> list[Record]:
    return [record for record in (value if isinstance(value, list) else [value]) if isinstance(record, dict)]


def _object(value: object) -> Record:
    return value if isinstance(value, dict) else {}


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
