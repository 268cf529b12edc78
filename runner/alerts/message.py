"""The message about an ended job: what happened to its sweep, without secrets and without paths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from analysis.alerts.news import Alert, failed_job, look_at_sweeps, runs_news, sweep_news
from analysis.errors import UcurveError
from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.rank import rank_configurations
from analysis.store import Condition, Store
from analysis.wording.paths import without_folders
from analysis.wording.plain import count_text
from analysis.wording.printable import printable
from runner.access.site import SiteSettings
from runner.queue.job import Job
from runner.worker.environment import redactor_of

VERSION: Final = 1
_METRIC: Final = "eval_loss"
_MOST_RANKED: Final = 2_000
"""Runs up to which the ranking is computed: a second on one core (our choice)."""


def job_message(job: Job, store: Path, site: SiteSettings) -> dict[str, object]:
    """The message about an ended job; docs/alerts.md has its keys.

    Args:
        job: The job.
        store: Its store, which may not be there or not be readable; then the message is shorter.
        site: For the link to the dashboard.
    """
    alerts = [*_of_job(job), *_of_sweep(job, store)]
    is_served = site.sign_in is not None
    body: dict[str, object] = {
        "text": "",
        "version": VERSION,
        "event": job.state,
        "sweep_id": job.order.sweep_id,
        "job_id": job.job_id,
        "reason": job.reason,
        "n_runs": job.order.n_runs,
        "n_attempts": len(job.attempts),
        "alerts": [{"kind": alert.kind, "text": alert.text} for alert in alerts],
        "link": f"{site.dashboard.origin}/?sweep={quote(job.order.sweep_id, safe='')}" if is_served else None,
        "sent_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return cleaned(body, site)


def trial_message(site: SiteSettings) -> dict[str, object]:
    """A message that says nothing but that messages arrive."""
    text = "Ucurve can reach this address. Sweeps that finish or fail are told here."
    alert = {"kind": "test", "text": text}
    return cleaned({"text": "", "version": VERSION, "event": "test", "alerts": [alert]}, site)


def cleaned(body: dict[str, object], site: SiteSettings) -> dict[str, object]:
    """A body without secrets and folders, its `text` made of its alerts so that chats show it and ring for nobody."""
    known = {"webhook_secret": site.alerts.webhook or ""}
    redactor = redactor_of({**os.environ, **known})

    def clean(value: object) -> object:
        if isinstance(value, str):
            return printable(without_folders(redactor.clean_text(value)))
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        return [clean(item) for item in value] if isinstance(value, list) else value

    found = {key: value if key == "link" else clean(value) for key, value in body.items()}
    alerts = found["alerts"]
    texts = [str(alert["text"]) for alert in alerts] if isinstance(alerts, list) else []
    return {**found, "text": chat_text(texts)}


def chat_text(texts: Sequence[str]) -> str:
    """Lines as chats take them: Slack's three characters escaped, and nobody is called by an at sign."""
    escaped = "\n".join(texts).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\u2060")


def to_bytes(body: dict[str, object]) -> bytes:
    """The body as it is sent and signed."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace")


def _of_job(job: Job) -> Iterable[Alert]:
    return [failed_job(job.job_id, job.order.sweep_id, job.reason)] if job.state == "failed" else []


def _of_sweep(job: Job, location: Path) -> list[Alert]:
    """What the store says of the sweep; where it cannot be read, only that the job has ended."""
    try:
        store = Store.open_if_made(location)
        found = [] if store is None else list(_from_store(store, job))
    except UcurveError:
        found = []
    if found or job.state == "failed":
        return found
    runs = count_text(job.order.n_runs, "run")
    return [Alert("finished", job.order.sweep_id, f"{job.order.sweep_id}: finished ({runs}).")]


def _from_store(store: Store, job: Job) -> Iterable[Alert]:
    sweep_id, snapshot = job.order.sweep_id, store.snapshot()
    where = (Condition("sweep_id", "=", sweep_id),)
    results = snapshot.results(_METRIC, where)
    if results.empty:
        return
    if job.state == "finished":
        curves = compute_lr_curves(results, metric=_METRIC)
        is_small = len(results) <= _MOST_RANKED
        yield from sweep_news(sweep_id, curves, rank_configurations(results, metric=_METRIC) if is_small else None)
    yield from runs_news({}, look_at_sweeps(snapshot.runs(where)))
