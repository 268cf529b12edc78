"""The systemd units: correct, hardened, and with options that the program has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from runner.cli.app import app

UNITS = Path(__file__).parents[3] / "examples" / "systemd"
PROGRAM = "/opt/ucurve/bin/ucurve"
NAMES = ("ucurve-worker", "ucurve-app")


def _settings(name: str) -> dict[str, str]:
    lines = (UNITS / f"{name}.service").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("name", NAMES)
def test_unit_is_hardened(name: str) -> None:
    found = _settings(name)
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "KillMode": "mixed", "Restart": "on-failure"}
    assert {key: found[key] for key in wanted} == wanted
    assert found["ReadWritePaths"]
    assert found["User"] != "root"


def test_worker_has_time_to_stop_and_survives_a_job_without_memory() -> None:
    from runner.worker.process import PATIENCE_S

    found = _settings("ucurve-worker")
    assert int(found["TimeoutStopSec"]) > 5 + sum(seconds for _, seconds in PATIENCE_S)
    assert found["OOMPolicy"] == "continue"


@pytest.mark.parametrize("name", NAMES)
def test_unit_calls_what_there_is(name: str) -> None:
    program, verb, *arguments = _settings(name)["ExecStart"].split()
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts}
    assert program == PROGRAM
    assert {word for word in arguments if word.startswith("--")} <= options


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    copy = tmp_path / f"{name}.service"
    copy.write_text((UNITS / f"{name}.service").read_text(encoding="utf-8").replace(PROGRAM, sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_worker_needs_no_torch() -> None:
    code = "import sys, runner.worker.worker, runner.worker.beside; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
