"""Every command of the tutorial, in order, in a fresh folder: with the bundled model and data, and offline."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docs.tools.server import free_port
from tests.docs.pages import DOCS, blocks
from tests.runner.cli.calling import Caller

SERVES = "ucurve app"
COMMANDS = blocks((DOCS / "tutorial.md").read_text(encoding="utf-8"), "sh")


FIRST = "ucurve sweep first.yaml --dry-run"
"""Run as the program that was installed, like the dashboard; what comes after it calls the same function in this
process, because each process that trains takes seconds to begin."""
_BEFORE_VERBS = re.compile(r"^(?=ucurve )", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_works(ucurve: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "HF_HUB_OFFLINE": "1"}
    environment.pop("UCURVE_STORE", None)
    monkeypatch.chdir(tmp_path)
    output = {}
    for block in COMMANDS:
        if block.strip() == SERVES:
            open_dashboard(tmp_path, environment)
            continue
        shell, *rest = [block] if block.strip() == FIRST else _BEFORE_VERBS.split(block, maxsplit=1)
        ran = subprocess.run(
            ["bash", "-eu", "-c", shell], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{shell}\n{ran.stdout}\n{ran.stderr}"
        for line in "".join(rest).splitlines():
            answer = ucurve(*shlex.split(line, comments=True)[1:])
            output[line] = answer.out
            assert answer.code == 0, f"{line}\n{answer.out}\n{answer.err}"

    assert "</html>" in (tmp_path / "review.html").read_text(encoding="utf-8")
    assert "learning_rate" in (tmp_path / "sft.yaml").read_text(encoding="utf-8")
    assert "skills-arithmetic" in output["ucurve benchmarks"]
    assert "best" in output["ucurve best"].lower()


def test_the_tutorial_starts_the_dashboard_and_has_no_command_that_is_not_run() -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")

    assert [block.strip() for block in COMMANDS].count(SERVES) == 1
    assert [block.strip() for block in COMMANDS].count(FIRST) == 1
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
