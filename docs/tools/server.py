"""Serves the dashboard on a free port of this machine, for as long as a block of code needs it."""

from __future__ import annotations

import os
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
def dashboard(
    store: Path, log: Path | None = None, *, port: int | None = None, host: str = "127.0.0.1", **environment: str
) -> Iterator[str]:
    """Serve a store and yield the address, without a slash at its end.

    Args:
        store: Folder of the store; it may be missing.
        log: Where the server's output goes; nowhere by default.
        port: Where it listens; a free one by default.
        host: By which name it is called.
        environment: Variables that the server gets beside our own.

    Raises:
        RuntimeError: when the server does not answer in time.
    """
    port = port or free_port()
    with (log or Path("/dev/null")).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - fixed arguments
            [sys.executable, "-m", "pages._server", f"--port={port}"],
            cwd=ROOT,
            env={**os.environ, "UCURVE_STORE": str(store.resolve()), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_healthy(f"http://{host}:{port}", process)
            yield f"http://{host}:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return when a server answers.

    Raises:
        RuntimeError: when it does not in time, or has ended.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not answer on {address} within {START_TIMEOUT_S} s")


def free_port() -> int:
    """A port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
