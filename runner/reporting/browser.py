"""The machine's Chromium as a printer: one page of our own in, a PDF or pictures out, no network, bounded in time."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runner.errors import EnvironmentProblem
from runner.reporting.processes import end_group

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE: Final = "UCURVE_CHROMIUM"
"""Environment variable that names another Chromium."""
_TIMEOUT_S: Final = 120.0
"""Longest that printing may take; a report of 100 runs takes three seconds (our choice)."""
_VIRTUAL_MS: Final = 60_000
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    # Nothing of a page of ours asks for anything; should something do so, there is no name and no way out.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    f"--virtual-time-budget={_VIRTUAL_MS}",
)
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_PATH", "FONTCONFIG_FILE")


def find_chromium() -> str | None:
    """The path of a Chromium on this machine, or None; `UCURVE_CHROMIUM` names another one."""
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def print_pdf(page: str) -> bytes:
    """Returns a page as PDF, as its own print style says.

    Raises:
        EnvironmentProblem: there is no Chromium, or it did not print.
    """
    with tempfile.TemporaryDirectory(prefix="ucurve-print-") as folder:
        target = Path(folder) / "page.pdf"
        _run(Path(folder), page, ["--no-pdf-header-footer", f"--print-to-pdf={target}"])
        if not target.is_file() or not target.stat().st_size:
            raise EnvironmentProblem(f"Chromium ended without a PDF; does {find_chromium()} --headless work here?")
        return target.read_bytes()


def read_page(page: str) -> str:
    """Returns a page as it stands after its scripts have run.

    Raises:
        EnvironmentProblem: there is no Chromium, or it did not answer.
    """
    with tempfile.TemporaryDirectory(prefix="ucurve-print-") as folder:
        return _run(Path(folder), page, ["--dump-dom"]).decode("utf-8", "replace")


def _run(folder: Path, page: str, order: Sequence[str]) -> bytes:
    chromium = find_chromium()
    if chromium is None:
        raise EnvironmentProblem(
            "PDF and pictures need Chromium or Chrome, and none is installed; install one (Debian: apt install "
            f"chromium), or name it in {VARIABLE}. The HTML report prints from any browser."
        )
    source = folder / "page.html"
    source.write_text(page, encoding="utf-8")
    # Chromium's own sandbox refuses to start for root; the page's policy and the dead proxy still hold.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    profile = f"--user-data-dir={folder / 'profile'}"
    return _bounded([chromium, *_FLAGS, *sandbox, profile, *order, source.as_uri()], folder)


def _bounded(command: Sequence[str], home: Path) -> bytes:
    """Standard output of a command in a process group of its own, which is ended as a whole after `_TIMEOUT_S`."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"HOME": str(home)}
    with subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
        command,
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as problem:
            raise EnvironmentProblem(f"Chromium did not finish within {_TIMEOUT_S:g} s; it was stopped.") from problem
        finally:
            end_group(process.pid)
    if process.returncode:
        raise EnvironmentProblem(f"Chromium ({command[0]}) ended with exit code {process.returncode}.")
    return output
