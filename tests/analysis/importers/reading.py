"""What the tests of several importers do with a source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from analysis.importers.source import Item, Request, Source
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA, Refusal, SourceRun

NOW = 4_000_000_000.0
"""Long after every log was written."""


def read_all(
    source: Source, *targets: Path | str, now: float = NOW, options: dict[str, str] | None = None
) -> tuple[list[SourceRun], list[Refusal]]:
    """All runs and refusals at the targets."""
    request = Request(targets=tuple(map(str, targets)), options=options or {}, now=now)
    runs: list[SourceRun] = []
    refusals: list[Refusal] = []
    for found in source.find(request):
        answers = source.read(found, request, lambda _: None) if isinstance(found, Item) else [found]
        for answer in answers:
            if isinstance(answer, Refusal):
                refusals.append(answer)
            else:
                assert answer.history.schema == HISTORY_SCHEMA
                assert answer.objects.schema == OBJECTS_SCHEMA
                runs.append(answer)
    return runs, refusals


def points(run: SourceRun) -> dict[tuple[int, int, str], float]:
    """Attempt, step and name -> value."""
    rows = run.history.select(["attempt", "step", "name", "value"]).to_pylist()
    found = {(row["attempt"], row["step"], row["name"]): row["value"] for row in rows}
    assert len(found) == len(rows)
    return found


def curve(run: SourceRun, name: str, attempt: int = 1) -> dict[int, float]:
    """Step -> value of one metric."""
    return {step: value for (tried, step, logged), value in points(run).items() if (tried, logged) == (attempt, name)}


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every file below a folder."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
