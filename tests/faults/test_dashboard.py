"""SIGKILL for the dashboard, in both of its processes: the job goes on, nothing is left behind, and it comes back."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from tests.faults.bench import Bench, training_of, wait_for
from tests.faults.oracles import read_pages
from tests.runner.worker.shop import is_gone


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Dashboard:
    """`ucurve app` on a store, as a user starts it.

    Args:
        bench: Has the store.
        under: A program that becomes this one, with its arguments.
    """

    def __init__(self, bench: Bench, under: Sequence[str] = ()) -> None:
        self.output = bench.output()
        with self.output.open("wb") as output:
            command = [
                *under,
                sys.executable,
                "-m",
                "runner.cli",
                "app",
                f"--store={bench.store}",
                "--no-worker",
                f"--port={free_port()}",
            ]
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **bench.environment}, start_new_session=True
            )
        self.address = wait_for(self._address, "the dashboard comes up")
        self.server = next(
            child for child in psutil.Process(self.process.pid).children() if "pages._server" in child.cmdline()
        )

    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=10) as answer:  # noqa: S310
                return int(answer.status) == 200
        except OSError:
            return False

    def end(self) -> None:
        """As Ctrl-C does."""
        self.process.terminate()
        self.process.wait()

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.output.read_text()
        found = re.search(r"http://127\.0\.0\.1:\d+", self.output.read_text())
        return found[0] if found else None


@pytest.mark.parametrize("victim", ["server", "app"])
def test_a_killed_dashboard_touches_no_job_and_leaves_nothing(bench: Bench, victim: str) -> None:
    bench.set_size(tokens=700)
    job_id = bench.submit()
    dashboard = Dashboard(bench)
    wait_for(dashboard.is_healthy, "it answers")
    worker = bench.start_worker()
    training_of(worker)
    pids = (dashboard.process.pid, dashboard.server.pid)
    (dashboard.server if victim == "server" else dashboard.process).kill()
    dashboard.process.wait()
    wait_for(lambda: all(map(is_gone, pids)), "both of its processes end", 30)
    assert worker.wait() == 0, worker.said()
    assert [each.outcome for each in bench.job(job_id).attempts] == ["finished"]
    again = Dashboard(bench)
    wait_for(again.is_healthy, "it answers again")
    again.end()
    assert "tiny" in read_pages(Path(bench.store), "Queue", "Overview")
