"""Small stores with one thing wrong in each, and the check of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from analysis.health.check import Finding, HealthReport, check_health, read_frames
from analysis.runs.direction import Direction
from analysis.runs.filters import parse_conditions
from analysis.store import MetricRow, Store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STARTED = NOW - timedelta(hours=3)


def run_row(number: int, **columns: object) -> dict[str, object]:
    """A healthy finished run; the number is in its id, its learning rate and its seed."""
    rate = 1e-4 * 2**number
    defaults: dict[str, object] = {
        "run_id": f"r{number}", "trial_key": f"t{number}", "seed": 0, "status": "finished", "attempt": 1,
        "learning_rate": rate, "batch_size": 8, "model": "m", "max_steps": 10, "created_at": STARTED,
        "updated_at": STARTED + timedelta(minutes=10),
    }  # fmt: skip
    filled = {**defaults, **columns}
    config = {key: filled[key] for key in ("learning_rate", "batch_size", "model", "seed") if filled[key] is not None}
    return {"config_json": json.dumps(config), **filled}


def curve(run_id: str, values: Sequence[float], *, name: str = "loss", attempt: int = 1) -> list[MetricRow]:
    """One value a step, one second and 100 tokens each."""
    return [MetricRow(run_id, attempt, step, 100 * step, float(step), name, value) for step, value in enumerate(values)]


def losses(number: int) -> list[float]:
    """A falling curve that is nobody else's."""
    return [2.0 + 0.1 * number, 1.5 + 0.1 * number, 1.0 + 0.012345678 * number]


def fill(store: Store, runs: Iterable[Mapping[str, object]], metrics: Iterable[MetricRow] | None = None) -> Store:
    """The store with these runs, each with a curve of its own unless metrics are given."""
    rows = list(runs)
    if metrics is None:
        metrics = [row for number, run in enumerate(rows) for row in curve(str(run["run_id"]), losses(number))]
    store.append(runs=rows, metrics=list(metrics))
    return store


def check(store: Store, *where: str, metric: str = "loss", direction: Direction = "min") -> HealthReport:
    """The report about a store."""
    frames = read_frames(store, store.snapshot(), metric, parse_conditions(where))
    return check_health(frames, metric=metric, direction=direction, now=NOW)


def found(report: HealthReport, kind: str) -> Finding:
    """The only finding of a kind."""
    findings = [finding for finding in report.findings if finding.kind == kind]
    assert len(findings) == 1, [finding.kind for finding in report.findings]
    return findings[0]
