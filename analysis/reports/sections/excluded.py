"""Excluded runs and why."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.reports.evidence import Evidence
from analysis.reports.types import Block, Table, Text
from analysis.wording.plain import count_text


def excluded_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields every run that enters no mean, with its reason."""
    excluded, n_runs = evidence.exclusions, len(evidence.results)
    if not excluded:
        yield Text(f"None: all {count_text(n_runs, 'run')} enter a mean.")
        return
    yield Text(f"{len(excluded):,} of {count_text(n_runs, 'run')} enter no mean.")
    rows = [
        {"run": evidence.name_of(one.run_id), "reason": one.reason, "kind": one.kind, "run_id": one.run_id}
        for one in excluded
    ]
    yield Table("excluded", "Runs that enter no mean, and why", pd.DataFrame(rows))
