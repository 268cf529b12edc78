"""Which runs enter no curve and no ranking, and why: the words for what `read_run_values` decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.health.types import Exclusion, Finding
from analysis.health.words import count, ids
from analysis.runs.values import RunValue, is_learning_rate, read_run_values, settled_statuses

_WORDS = {
    "queued": "It waits to be trained",
    "running": "It is still being trained",
    "failed": "It failed",
    "stopped": "It was stopped",
    "pruned": "It was pruned: stopped because it was behind the others",
    "lost": "It was lost: its trainer disappeared",
    "unconfirmed": "Nobody has confirmed that it finished, and it logged less than others of its kind",
    "diverged": "It diverged; it brackets the optimum but enters no mean",
}


def explain_exclusions(results: pd.DataFrame, metric: str) -> tuple[Exclusion, ...]:
    """Returns one entry per run that enters no mean, in the order of the rows.

    Needs columns: as `read_run_values`; `status_reason` where the table has it; one row per run.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
    """
    reasons = results["status_reason"] if "status_reason" in results.columns else [None] * len(results)
    rows = zip(read_run_values(results), results["status"], reasons, strict=True)
    return tuple(
        exclusion
        for run, status, reason in rows
        if run.role != "value"
        for exclusion in _explained(run, str(status), "" if pd.isna(reason) else str(reason), metric)
    )


def find_unconfirmed(results: pd.DataFrame) -> Iterator[Finding]:
    """Yields a remark on the runs that count although nothing says that they finished."""
    counted = results[(results["status"] == "unconfirmed") & (settled_statuses(results) == "finished")]
    if len(counted):
        yield Finding(
            kind="unconfirmed",
            severity="remark",
            message=f"{count(len(counted), 'run')} ended without saying how, and count as finished: they logged as far "
            f"as the others of their kind.",
            run_ids=ids(counted["run_id"]),
            advice="See whether a curve looks cut off; in W&B, run.finish() at the end of a script confirms the end.",
        )


def _explained(run: RunValue, status: str, status_reason: str, metric: str) -> Iterator[Exclusion]:
    kind = _kind(run, status)
    yield Exclusion(run_id=run.run_id, kind=kind, reason=_reason(run, kind, status_reason, metric))


def _kind(run: RunValue, status: str) -> str:
    """What keeps a run out; `read_run_values` has decided already that something does."""
    if run.role == "pending" or status not in ("finished", "diverged"):
        return status
    if run.role == "diverged":
        return "diverged" if status == "diverged" else "non_finite"
    if np.isnan(run.learning_rate):
        return "no_learning_rate"
    return "never_logged" if is_learning_rate(run.learning_rate) else "learning_rate"


def _reason(run: RunValue, kind: str, status_reason: str, metric: str) -> str:
    if kind in _WORDS:
        return f"{_WORDS[kind]} ({status_reason})." if status_reason else f"{_WORDS[kind]}."
    return {
        "no_learning_rate": "It has no learning rate.",
        "learning_rate": f"Its learning rate is {run.learning_rate:g}, which is no usable rate.",
        "never_logged": f"It is finished but never logged {metric}.",
        "non_finite": f"Its last {metric} is {run.value:g}: it counts as diverged and enters no mean.",
    }.get(kind, f"Its status is {kind}.")
