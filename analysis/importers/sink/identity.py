"""Which run of the store a run of a source is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from analysis.importers.sink.origins import Origins, key_digest, mark_digests, read_origins
from analysis.importers.source_run import SourceRun
from analysis.store import Snapshot
from analysis.store.identity import ID_PATTERN

_NOTED: Final = """
SELECT run_id, CAST(json_extract(provenance_json, '$.import') AS VARCHAR) AS noted
FROM {runs} QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC, updated_at DESC) = 1
ORDER BY run_id
"""
_KEY_DIGITS: Final = 16


@dataclass(slots=True)
class Index:
    """The runs of a store by what names them at their sources.

    Attributes:
        own: Runs that were not imported in this way: those trained here, and those of tables.
        keys: Key -> run.
        marks: Mark -> run.
    """

    own: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def note(self, run_id: str, origins: Origins) -> None:
        """Adds a run."""
        for key in origins.origins:
            self.keys.setdefault(key, run_id)
        for mark in origins.marks:
            self.marks.setdefault(mark, run_id)

    def run_id_of(self, run: SourceRun) -> str:
        """The run's id: its own one, that of a run that it proves to be, that of its key, or a new one."""
        if run.own_run_id is not None and re.fullmatch(ID_PATTERN, run.own_run_id):
            return run.own_run_id
        key = key_digest(run)
        proven = sorted({self.marks[mark] for mark in mark_digests(run) if mark in self.marks})
        # Several marks can name several runs, imported before anything showed that they are one: then the key's.
        if proven and self.keys.get(key) not in proven:
            return proven[0]
        return self.keys.get(key) or f"{run.kind}-{key[:_KEY_DIGITS]}"


def read_index(snapshot: Snapshot) -> Index:
    """The index of everything that the store has."""
    index = Index()
    for row in snapshot.query(_NOTED).to_pylist():
        origins = read_origins(row["noted"])
        if origins is None:
            index.own.add(row["run_id"])
        else:
            index.note(row["run_id"], origins)
    return index
