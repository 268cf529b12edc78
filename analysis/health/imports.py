"""What imports could not bring in whole: those runs count with less than their source has, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from analysis.health.types import Finding, Severity
from analysis.health.words import count, ids

_VERDICTS: Final[tuple[tuple[str, Severity, str, str], ...]] = (
    (
        "partial",
        "problem",
        "came in with something missing",
        "Import again from a sound copy or a server that has it all; the store then takes what is missing.",
    ),
    (
        "quarantined",
        "problem",
        "could not be imported at all",
        "Mend or remove what the reason names, then import again.",
    ),
    (
        "unverified",
        "remark",
        "came in, but nothing says that this is all",
        "Import again when the runs have ended; runs that were killed stay so.",
    ),
)


def find_incomplete_imports(imports: pd.DataFrame) -> Iterator[Finding]:
    """Yields one finding per verdict other than `complete`.

    Args:
        imports: As `Snapshot.imports()` gives it; it may lack all columns where nothing was imported.
    """
    if imports.empty:
        return
    for verdict, severity, what, advice in _VERDICTS:
        found = imports[imports["verdict"] == verdict]
        if found.empty:
            continue
        first = found.iloc[0]
        reason = f" ({first['reason']})" if isinstance(first["reason"], str) else ""
        yield Finding(
            kind=f"import_{verdict}",
            severity=severity,
            message=f"{count(len(found), 'imported source')} {what}: {first['label']}{reason}"
            + (f", and {len(found) - 1:,} more." if len(found) > 1 else "."),
            run_ids=ids(found["run_id"].dropna()),
            advice=advice,
        )
