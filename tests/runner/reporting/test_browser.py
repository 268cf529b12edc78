"""Printing through Chromium: a stand-in program for what goes wrong, the real one for what comes out."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from analysis.reports.compose import compose_report
from analysis.reports.html import render_html
from analysis.reports.order import ReportOrder
from analysis.store import Store
from runner.errors import EnvironmentProblem
from runner.reporting import browser
from runner.reporting.browser import find_chromium, print_pdf, read_page
from runner.reporting.write import write_report


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv(browser.VARIABLE, str(program))


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")

    assert find_chromium() is None
    with pytest.raises(EnvironmentProblem, match=r"none is installed; install one .* prints from any browser"):
        print_pdf("<p>")


def test_a_browser_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exit 7")

    with pytest.raises(EnvironmentProblem, match="ended with exit code 7"):
        print_pdf("<p>")


def test_a_browser_that_prints_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exit 0")

    with pytest.raises(EnvironmentProblem, match="without a PDF"):
        print_pdf("<p>")


def test_a_browser_that_hangs_ends_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "children"
    stand_in(tmp_path, monkeypatch, f"sleep 1000 & echo $! >> {started}; echo $$ >> {started}; wait")
    monkeypatch.setattr(browser, "_TIMEOUT_S", 1.0)

    with pytest.raises(EnvironmentProblem, match="did not finish within 1 s"):
        print_pdf("<p>")
    pids = [int(line) for line in started.read_text().split()]
    assert len(pids) == 2
    for pid in pids:
        try:
            psutil.Process(pid).wait(timeout=10)
        except psutil.NoSuchProcess:
            continue


def test_the_browser_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://elsewhere")
    stand_in(tmp_path, monkeypatch, "env")

    seen = read_page("<p>")

    assert "secret" not in seen
    assert "elsewhere" not in seen
    assert re.search(r"^HOME=.*ucurve-print-", seen, re.MULTILINE)


def test_markdown_without_a_browser_has_tables_and_says_so(
    sweep_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")
    report = compose_report(sweep_store.snapshot(), ReportOrder(sections=("lr-curve",)))

    written = write_report(report, tmp_path / "review.md", "md")

    assert written.files == (tmp_path / "review.md",)
    assert "tables instead of pictures" in written.notes[0]
    assert "*Every point of the U-curves*" in (tmp_path / "review.md").read_text()


@pytest.fixture
def _chromium() -> None:
    if find_chromium() is None:
        pytest.skip("no chromium on this machine (Debian: apt install chromium)")


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Stay quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.usefixtures("_chromium")
def test_not_even_a_page_without_a_policy_reaches_the_network(asked: tuple[str, list[str]]) -> None:
    address, paths = asked
    page = read_page(
        f"<p id=p>before</p><img src='{address}/img'><script>document.getElementById('p').textContent = 'ran';"
        f"fetch('{address}/fetch').catch(() => 0)</script>"
    )

    assert "ran" in page
    assert paths == []


def n_lines_drawn(printed: bytes) -> int:
    """Straight lines on all pages: without charts there are the few of boxes and tables."""
    n = 0
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", printed, re.DOTALL):
        with contextlib.suppress(zlib.error):
            n += zlib.decompressobj().decompress(stream).count(b" l\n")
    return n


@pytest.mark.slow
@pytest.mark.usefixtures("_chromium")
def test_a_report_prints_with_its_charts_and_page_numbers(sweep_store: Store) -> None:
    page = render_html(compose_report(sweep_store.snapshot(), ReportOrder(sections=("decision", "lr-curve"))))

    printed = print_pdf(page)

    assert printed.startswith(b"%PDF-")
    assert printed.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type ?/Page\b", printed)) >= 2
    assert n_lines_drawn(printed) > 200


@pytest.mark.slow
@pytest.mark.usefixtures("_chromium")
def test_markdown_has_a_picture_of_every_figure(sweep_store: Store, tmp_path: Path) -> None:
    report = compose_report(sweep_store.snapshot(), ReportOrder(sections=("lr-curve", "ranking")))

    written = write_report(report, tmp_path / "my review.md", "md")

    text = (tmp_path / "my review.md").read_text()
    pictures = written.files[1:]
    assert written.notes == ()
    assert {path.stem for path in pictures} == {figure.name for figure in report.figures}
    for path in pictures:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 10_000
        assert f"](my%20review-pictures/{path.name})" in text
    assert oct(pictures[0].stat().st_mode & 0o777) == oct(0o666 & ~_mask())


def _mask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
