"""`ucurve app` serves, and leaves nothing behind when it is ended."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from analysis.store import Store
from runner.errors import EnvironmentProblem
from runner.serving.process import ADDRESS, running_dashboard
from tests.runner.cli.calling import Caller


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_as_well(store: Store, end: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "runner.cli", "app", "--store", store.location, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert f"http://{ADDRESS}:{port}" in process.stdout.readline()
    with urllib.request.urlopen(f"http://{ADDRESS}:{port}/_stcore/health", timeout=20) as answer:
        assert answer.status == 200
    time.sleep(0.5)  # until it waits
    process.send_signal(end)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert not answers(port)


def test_a_taken_port_is_said_plainly(store: Store) -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with (
            pytest.raises(EnvironmentProblem, match=f"port {port} is taken"),
            running_dashboard(Path(store.location), port),
        ):
            pass


def test_a_file_is_refused_before_anything_is_served(ucurve: Caller, tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("lr,loss")

    answer = ucurve("app", "--store", tmp_path / "runs.csv")

    assert (answer.code, answer.out) == (2, "")
    assert "runs.csv' is a file, and a store is a folder" in answer.err


def test_a_dashboard_that_cannot_start_starts_no_worker(store: Store, ucurve: Caller) -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        answer = ucurve("app", "--store", store.location, "--port", str(taken.getsockname()[1]))
    assert answer.code == 3
    assert "is taken" in answer.err
    assert not (Path(store.location) / "queue").exists()


@pytest.mark.slow
def test_a_killed_dashboard_leaves_no_server_behind(store: Store) -> None:
    port = free_port()
    command = [sys.executable, "-m", "runner.cli", "app", "--store", store.location, "--port", str(port), "--no-worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert f"http://{ADDRESS}:{port}" in process.stdout.readline()
        process.kill()
    deadline = time.monotonic() + 30
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(port)
