"""What people have said: annotations of runs and sweeps, and the reviewer's notes."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Table, Text
from analysis.store.annotations import Annotation, Subject


def annotation_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields what was said of the report's sweeps and runs as one table; nothing where there is nothing."""
    results = evidence.results
    subjects = {Subject("sweep", str(sweep)) for sweep in results["sweep_id"].dropna().unique()}
    subjects |= {Subject("run", str(run)) for run in results["run_id"]}
    rows = [
        {
            "about": evidence.name_of(one.subject.subject_id) if one.subject.kind == "run" else str(one.subject),
            "what": one.kind,
            "text": one.text,
            "by": one.author,
            "on": None if one.created_at is None else f"{one.created_at:%Y-%m-%d}",
            "id": one.subject.subject_id,
        }
        for one in sorted(evidence.snapshot.annotations(), key=_in_order)
        if one.active and one.subject in subjects
    ]
    if rows:
        yield Table("annotations", "Tags, notes and stars", pd.DataFrame(rows), only_in_files=("id",))


def _in_order(one: Annotation) -> tuple[object, ...]:
    """Sweeps, then runs; the same whatever order things were said in, but for notes of one subject."""
    return (one.subject.kind == "run", one.subject.subject_id, one.kind, one.kind == "note" and one.seq, one.text)


def note_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the reviewer's notes, one block a paragraph; nothing where there are none."""
    for paragraph in evidence.order.notes.replace("\r\n", "\n").split("\n\n"):
        if paragraph.strip():
            yield Text(paragraph.strip("\n"))
