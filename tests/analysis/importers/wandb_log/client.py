"""Logs written by the real client, once a session, in a folder and a home of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from analysis.importers.wandb_log import RunLog, read_run_log
from tests.analysis.importers.wandb_log import write_logs

_SCRIPT = Path(write_logs.__file__)
_QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_X_DISABLE_STATS": "true",
    "WANDB_X_DISABLE_META": "true",
    "WANDB_X_DISABLE_MACHINE_INFO": "true",
}


def start_client(job: str, folder: Path) -> subprocess.Popen[str]:
    """The client at one job, with nothing of this machine's settings and no way to the outside."""
    home = folder / "home"
    home.mkdir(parents=True)
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "XDG_"))}
    environment = outside | _QUIET | {"HOME": str(home), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [sys.executable, str(_SCRIPT), job, str(folder)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def only_log(folder: Path) -> Path:
    """The one log under a folder."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return path


@pytest.fixture(scope="session")
def client_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that job `normal` wrote: runs `rich`, `long`, `parts` (in two parts), and `same` in two projects."""
    folder = tmp_path_factory.mktemp("normal")
    _, errors = (process := start_client("normal", folder)).communicate(timeout=200)
    assert process.returncode == 0, errors
    return folder


@pytest.fixture(scope="session")
def log_bytes(client_logs: Path) -> bytes:
    """The log `long`."""
    (path,) = client_logs.glob("wandb/*long/*.wandb")
    return path.read_bytes()


@pytest.fixture(scope="session")
def rich(client_logs: Path) -> RunLog:
    """The log `rich`, read."""
    (path,) = client_logs.glob("wandb/*rich/*.wandb")
    return read_run_log(path)


@pytest.fixture(scope="session")
def ended_logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Logs of a script that raised, and of one that ended without `finish`."""
    folders = {job: tmp_path_factory.mktemp(job) for job in ("raise", "silent")}
    processes = [start_client(job, folder) for job, folder in folders.items()]
    for process in processes:
        process.communicate(timeout=200)
    return {job: only_log(folder) for job, folder in folders.items()}


@dataclass(frozen=True)
class KilledRun:
    """A log whose client and core were killed, and what was read from it while it was written."""

    path: Path
    while_growing: list[RunLog]


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> KilledRun:
    """The client logs, the log is read again and again, and once nothing more arrives all its processes get kill -9."""
    folder = tmp_path_factory.mktemp("killed")
    with start_client("killed", folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        path = only_log(folder)
        logs = [read_run_log(path)]
        while len(logs) < 2 or logs[-1].cursor != logs[-2].cursor:
            time.sleep(0.5)
            logs.append(read_run_log(path))
        for victim in [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]:
            os.kill(victim, signal.SIGKILL)
    return KilledRun(path, logs)
