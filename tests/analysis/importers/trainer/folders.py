"""Output folders made by the real tools, and what the source says about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.trainer import SOURCE

LOGS = Path(__file__).parent / "logs"
Copy = Callable[[str], Path]


def read_all(*targets: Path, now: float = 0.0) -> list[SourceRun | Refusal]:
    """All that the source says about the targets."""
    request = Request(targets=tuple(map(str, targets)), now=now)
    found: list[SourceRun | Refusal] = []
    for item in SOURCE.find(request):
        found += list(SOURCE.read(item, request, lambda _: None)) if isinstance(item, Item) else [item]
    return found


def read_one(*targets: Path, now: float = 0.0) -> SourceRun:
    """The one run at the targets."""
    (run,) = read_all(*targets, now=now)
    assert isinstance(run, SourceRun), run
    return run


def state_of(path: Path) -> dict[str, object]:
    """A state as Python's own reader has it."""
    content: dict[str, object] = json.loads(path.read_text())
    return content


def logged(run: SourceRun) -> dict[tuple[int, str], float]:
    """Step and name -> value of a run's history."""
    rows = run.history.to_pylist()
    assert len({(row["attempt"], row["step"], row["name"]) for row in rows}) == len(rows)
    return {(row["step"], row["name"]): row["value"] for row in rows}
