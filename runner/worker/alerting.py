"""Lets the webhook know of an ended job: in a process of its own, so that nothing of it can hold up or end a worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from analysis.errors import UcurveError
from runner.access.site import load_site
from runner.queue.queue import Queue

_MOST_S: Final = 60.0
"""Our choice: three tries of a few seconds each, and the look at the store."""


def send_alert(queue: Queue, store: Path, job_id: str, say: Callable[[str], None]) -> None:
    """Sends the message about a job that finished or failed, where a webhook is configured.

    Args:
        queue: The queue.
        store: Folder of the store.
        job_id: The job.
        say: Takes a sentence where that fails.
    """
    try:
        job = queue.job(job_id)
        if load_site().alerts.webhook is None or job is None or job.state not in ("finished", "failed"):
            return
        command = ["alerts", "send", job_id, f"--store={store}", f"--queue={queue.folder}"]
        ended = subprocess.run(  # noqa: S603 - our own command line, no shell
            [sys.executable, "-m", "runner.cli", *command],
            timeout=_MOST_S,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C at a worker's terminal ends the worker's job, not this
            check=False,
        )
    except (UcurveError, OSError, subprocess.SubprocessError) as problem:
        what = "it took too long" if isinstance(problem, subprocess.TimeoutExpired) else str(problem)
        say(f"nobody was told of {job_id}: {what}")
        return
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip().splitlines() or ["it broke off"]
        say(f"nobody was told of {job_id}: {said[-1]}")
