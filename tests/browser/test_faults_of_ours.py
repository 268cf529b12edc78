"""A fault of the program: the page says so without a traceback or a path, and the log has both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from docs.tools.server import ROOT, free_port, wait_until_healthy
from tests.browser.wire import WireBrowser

BROKEN = """
import streamlit as st
st.title("Before")
raise RuntimeError("boom in /secret/folder")
"""
START = """
import sys
from pathlib import Path
import pages._server
pages._server.APP = Path(sys.argv.pop(1))
pages._server.main()
"""


def test_a_fault_is_told_to_the_log_and_not_to_the_page(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BROKEN)
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path / "app.py"), f"--port={port}"],
            cwd=ROOT,
            env={**os.environ, "UCURVE_STORE": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", process)
        with WireBrowser(f"http://127.0.0.1:{port}").session() as session:
            shown = session.text
    finally:
        process.terminate()
        process.wait(timeout=30)

    assert "Before" in shown
    assert "a fault of the program" in shown
    for secret in ("boom", "/secret", "RuntimeError", "Traceback", str(ROOT)):
        assert secret not in shown
    assert "RuntimeError: boom in /secret/folder" in log.read_text()
