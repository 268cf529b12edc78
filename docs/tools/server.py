"""Serves the dashboard on a free port of this machine, for as long as a block of code needs it."""

from __future__ import annotations

import socket
import subprocess  # our own dashboard, fixed arguments
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60.0


@contextmanager
def dashboard(store: Path, log: Path | None = None) -> Iterator[str]:
    """Serve a store and yield the address, without a slash at its end.

    Args:
        store: Folder of the store; it may be missing.
        log: Where the server's output goes; nowhere by default.

    Raises:
        RuntimeError: when the server does not answer in time.
    """
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), f"--server.port={port}"]
    with (log or Path("/dev/null")).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments
            [*command, "--", "--store", str(store)], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_healthy(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not answer on port {port} within {START_TIMEOUT_S} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
