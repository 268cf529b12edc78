"""Every command of the tutorial, in order, in a fresh folder: with the bundled model and data, and offline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docs.tools.server import free_port
from tests.docs.pages import DOCS, blocks

SERVES = "ucurve app"
COMMANDS = blocks((DOCS / "tutorial.md").read_text(encoding="utf-8"), "sh")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "HF_HUB_OFFLINE": "1"}
    environment.pop("UCURVE_STORE", None)
    output = {}
    for block in COMMANDS:
        if block.strip() == SERVES:
            open_dashboard(tmp_path, environment)
            continue
        ran = subprocess.run(
            ["bash", "-eu", "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        output[block.strip().splitlines()[-1]] = ran.stdout
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"

    assert "</html>" in (tmp_path / "review.html").read_text(encoding="utf-8")
    assert "learning_rate" in (tmp_path / "sft.yaml").read_text(encoding="utf-8")
    assert "skills-arithmetic" in output["ucurve benchmarks"]
    assert "best" in output["ucurve best"].lower()


def test_the_tutorial_starts_the_dashboard_and_has_no_command_that_is_not_run() -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")

    assert [block.strip() for block in COMMANDS].count(SERVES) == 1
    assert len(COMMANDS) == 10
    assert len(blocks(text, "console")) == 1, "only the installation, which `.ci/run` does"


def open_dashboard(folder: Path, environment: dict[str, str]) -> None:
    """Start it as the tutorial says, see that it serves, and end it with Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {SERVES} --port {free_port()} --no-worker"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any(line.startswith("Dashboard: http://127.0.0.1:") for line in process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
