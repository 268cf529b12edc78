"""Reports made beside a page: once for all who ask, bounded in number and time, gone with everything they started."""

from __future__ import annotations

import io
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from analysis.reports.order import ReportOrder
from analysis.store import Store
from runner.reporting import browser, maker
from runner.reporting.maker import Made, ReportMaker

ORDER = ReportOrder(sections=("runs",))


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")


def made_by(reports: ReportMaker, order: ReportOrder, store: Path, version: str = "v") -> Made:
    deadline = time.monotonic() + 60
    while (found := reports.ask(order, store, version)).state == "making":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def program(folder: Path, text: str) -> tuple[str, str]:
    """A command that does this instead of making a report."""
    path = folder / "program.py"
    path.write_text(text)
    return sys.executable, str(path)


@pytest.mark.slow
def test_a_report_is_made_once_in_every_format(sweep_store: Store) -> None:
    reports = ReportMaker()

    made = made_by(reports, ORDER, Path(sweep_store.location))

    assert made.problem is None
    assert list(made.files) == ["html", "md", "csv", "parquet"]
    assert made.text.startswith("# Recipe review")
    with zipfile.ZipFile(io.BytesIO(made.files["csv"])) as archive:
        assert "review.csv" in archive.namelist()
        assert "review.space.csv" in archive.namelist()
    assert reports.ask(ORDER, Path(sweep_store.location), "v") is made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit('There is no sweep.')", "ended without an answer"),
        ("import sys; print('There is no sweep.', file=sys.stderr); sys.exit(2)", "There is no sweep."),
        ("raise RuntimeError('inside')", "the dashboard's log says why"),
        ("import sys; print('Traceback: inside', file=sys.stderr); sys.exit(2)", "the dashboard's log says why"),
    ],
)
def test_why_there_is_none_is_said_and_nothing_of_our_insides(tmp_path: Path, text: str, said: str) -> None:
    made = made_by(ReportMaker(program(tmp_path, text)), ORDER, tmp_path)

    assert made.state == "failed"
    assert made.problem is not None
    assert said in made.problem
    assert "inside" not in made.problem


def test_a_report_that_hangs_ends_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(1000)\n"
    )

    made = made_by(ReportMaker(program(tmp_path, text), timeout_s=2.0), ORDER, tmp_path)

    assert made.problem == "The report took longer than 2 s."
    for pid in map(int, pids.read_text().split()):
        if psutil.pid_exists(pid):
            psutil.Process(pid).wait(timeout=10)


def test_only_so_many_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "MOST_WAITING", 2)
    reports = ReportMaker(program(tmp_path, "import time; time.sleep(1000)"), timeout_s=0.5)

    states = [reports.ask(ORDER, tmp_path, version) for version in "abc"]

    assert [one.state for one in states] == ["making", "making", "failed"]
    assert "ask again in a minute" in (states[2].problem or "")
    for version in "ab":
        made_by(reports, ORDER, tmp_path, version)


def test_only_so_many_are_kept_and_failures_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "KEPT", 1)
    count = tmp_path / "count"
    text = f"import sys; open({str(count)!r}, 'a').write('x'); print('no', file=sys.stderr); sys.exit(2)"
    reports = ReportMaker(program(tmp_path, text))

    for version in "aab":
        made_by(reports, ORDER, tmp_path, version)
    assert count.read_text() == "xx"
    made_by(reports, ORDER, tmp_path, "a")
    assert count.read_text() == "xxx"
    reports.forget_failed()
    made_by(reports, ORDER, tmp_path, "a")
    assert count.read_text() == "xxxx"
