"""Lines of the table of imports: how each source came in, written only when they say something new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from analysis.importers.config_rules import RunMap
from analysis.importers.result import SourceResult, Verdict
from analysis.importers.sink.report import SourceLine
from analysis.importers.source import Item
from analysis.importers.table.stored import parse_object
from analysis.store import ImportRow, Snapshot, canonical_json

RULES_VERSION: Final = "1"
"""Grows when the same source would be stored otherwise, so that it is read again."""
_MOST_PROBLEMS: Final = 50
_STAMPS: Final = frozenset({"seq", "imported_at", "schema_version"})
GONE: Final = "deleted_at_source"


@dataclass(slots=True)
class ImportLines:
    """The newest stored line of everything, by kind and label."""

    stored: dict[tuple[str, str], ImportRow] = field(default_factory=dict)

    def changed(self, row: ImportRow) -> bool:
        """Whether the store does not say this already; from now on it counts as said."""
        place = (str(row["kind"]), str(row["label"]))
        before = self.stored.get(place)
        self.stored[place] = row
        return before is None or _said(before) != _said(row)

    def is_known(self, item: Item, digest: str) -> bool:
        """Whether an item came in whole and has not changed since."""
        line = self.stored.get((item.kind, item.label))
        if line is None or line.get("digest") != digest or line.get("verdict") != "complete":
            return False
        return GONE not in details_of(line)

    def known_line(self, item: Item) -> SourceLine:
        """What the report says of a known item."""
        line = self.stored[item.kind, item.label]
        run_ids = details_of(line).get("run_ids")
        return SourceLine(
            kind=item.kind,
            result=_result(line),
            state="known",
            run_ids=tuple(map(str, run_ids)) if isinstance(run_ids, list) else (),
        )

    def missing(self, kind: str, scope: str, labels: set[str]) -> list[ImportRow]:
        """Lines of things that an earlier import of the same targets found and this one has not."""
        return [
            line
            for (of_kind, label), line in sorted(self.stored.items())
            if of_kind == kind and label not in labels and details_of(line).get("scope") == scope and not _is_gone(line)
        ]

    def of_item(self, item: Item) -> list[ImportRow]:
        """Lines of the runs that an earlier import found inside an item."""
        lines = (line for (kind, _), line in self.stored.items() if kind == item.kind)
        return [line for line in lines if line.get("item") == item.label and not _is_gone(line)]


def read_lines(snapshot: Snapshot) -> ImportLines:
    """The lines of a store."""
    rows = snapshot.imports()
    plain = ({str(name): _plain(value) for name, value in row.items()} for row in rows.to_dict("records"))
    return ImportLines({(str(row["kind"]), str(row["label"])): row for row in plain})


def stored_digest(item: Item, run_map: RunMap) -> str:
    """What an unchanged item has, read by the same rules."""
    text = json.dumps([RULES_VERSION, item.digest, run_map.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def import_row(line: SourceLine, *, item: str | None, digest: str | None, details: Mapping[str, object]) -> ImportRow:
    """The row for one source of the report."""
    result = line.result
    more: dict[str, object] = {
        "run_ids": list(line.run_ids),
        "notes": list(line.notes),
        "problems": [problem.to_json() for problem in line.problems[:_MOST_PROBLEMS]],
        "n_problems": len(line.problems),
        **details,
    }
    return {
        "kind": line.kind,
        "label": result.source,
        "item": item,
        "run_id": line.run_ids[0] if len(line.run_ids) == 1 else None,
        "digest": digest,
        "verdict": result.verdict,
        "rows_expected": result.rows_expected,
        "rows_got": result.rows_got,
        "lost_records": max(0, result.lost_records),
        "n_redacted": line.n_redacted,
        "reason": result.reason,
        "details_json": canonical_json({name: value for name, value in more.items() if value not in (None, [], 0)}),
    }


def gone_row(row: ImportRow) -> ImportRow:
    """The line of something that is not at its source any more."""
    kept = {name: value for name, value in row.items() if name not in _STAMPS}
    return kept | {"details_json": canonical_json(details_of(row) | {GONE: True})}


def gone_line(row: ImportRow) -> SourceLine:
    """What the report says of it."""
    result = _result(row)
    note = "it is not at its source any more; its rows stay"
    return SourceLine(kind=str(row["kind"]), result=result, state="deleted", notes=(note,), run_ids=_run_ids(row))


def unused_label(label: str, taken: set[str]) -> str:
    """The label, numbered where another thing has it: a label names one line. It counts as taken from now on."""
    number, name = 1, label
    while name in taken:
        number += 1
        name = f"{label} ({number})"
    taken.add(name)
    return name


def details_of(row: ImportRow) -> dict[str, object]:
    """What a line says beyond its columns."""
    return parse_object(row.get("details_json"))


def _run_ids(row: ImportRow) -> tuple[str, ...]:
    found = details_of(row).get("run_ids")
    return tuple(map(str, found)) if isinstance(found, Sequence) and not isinstance(found, str) else ()


def _is_gone(row: ImportRow) -> bool:
    return GONE in details_of(row)


def _result(row: ImportRow) -> SourceResult:
    verdict: Verdict = next(known for known in get_args(Verdict) if known == row["verdict"])
    expected, got, lost = (_count(row.get(name)) for name in ("rows_expected", "rows_got", "lost_records"))
    reason = row.get("reason")
    return SourceResult(str(row["label"]), verdict, expected, got, None if reason is None else str(reason), lost)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _said(row: ImportRow) -> dict[str, object]:
    """What it says. Scope and notes are no news: they depend on where it was looked for, and what came before."""
    details = {name: value for name, value in details_of(row).items() if name not in ("scope", "notes")}
    said = {name: value for name, value in row.items() if name not in _STAMPS and value is not None}
    return said | {"details_json": details}


def _plain(value: object) -> object:
    """A cell without pandas' own kinds of missing and of numbers."""
    if value is None or value != value or str(value) == "<NA>":
        return None
    return value.item() if hasattr(value, "item") else value
