"""Tells the webhook of an ended job, and notes in the audit log what came of it."""

from __future__ import annotations

from pathlib import Path

from analysis.errors import ConfigError
from runner.access.local import command_line_person
from runner.access.secrets_file import read_webhook_key
from runner.access.site import SiteSettings
from runner.alerts.delivery import Delivery, deliver
from runner.alerts.message import job_message, to_bytes, trial_message
from runner.queue.job import ENDED, Job
from runner.queue.queue import Queue


def tell_of_job(queue: Queue, job: Job, store: Path, site: SiteSettings) -> Delivery:
    """Sends the message about an ended job.

    Raises:
        ConfigError: No webhook is configured, its key cannot be read, or the job has not ended.
    """
    if job.state not in ENDED:
        raise ConfigError(f"job {job.job_id!r} is {job.state}; alerts tell of jobs that have ended")
    address, key = _receiver(site)
    found = deliver(address, to_bytes(job_message(job, store, site)), key)
    queue.note(command_line_person(), "alert", job.job_id, "done" if found.is_sent else "failed", found.detail)
    return found


def tell_for_trial(site: SiteSettings) -> Delivery:
    """Sends a message that says nothing but that messages arrive.

    Raises:
        ConfigError: No webhook is configured, or its key cannot be read.
    """
    address, key = _receiver(site)
    return deliver(address, to_bytes(trial_message(site)), key)


def _receiver(site: SiteSettings) -> tuple[str, bytes | None]:
    alerts = site.alerts
    if alerts.webhook is None:
        raise ConfigError(
            "no webhook is configured; write `webhook` under [alerts] in the site file, and name that file with "
            "--site or UCURVE_SITE (docs/alerts.md)"
        )
    return alerts.webhook, None if alerts.secrets_file is None else read_webhook_key(alerts.secrets_file)
