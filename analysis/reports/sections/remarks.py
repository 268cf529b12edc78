"""What people have said: annotations of runs and sweeps, and the reviewer's notes."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Table, Text


def annotation_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields tags, notes and stars as one table; nothing where there are none."""
    remarks = evidence.order.remarks
    if remarks:
        rows = [
            {"about": evidence.name_of(one.subject), "what": one.kind, "text": one.text, "by": one.author}
            for one in remarks
        ]
        yield Table("annotations", "Tags, notes and stars", pd.DataFrame(rows))


def note_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the reviewer's notes, one block a paragraph; nothing where there are none."""
    for paragraph in evidence.order.notes.replace("\r\n", "\n").split("\n\n"):
        if paragraph.strip():
            yield Text(paragraph.strip("\n"))
