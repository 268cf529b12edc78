"""`ucurve report`, as a user calls it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.store import Store
from runner.reporting import browser
from tests.runner.cli.calling import Caller
from tests.runner.cli.test_docs import _keys, _section

FAST = ("--sections", "decision,runs,lr-curve,ranking,provenance")


def documented(document: object) -> bool:
    return {key for key in _keys(document) if f"`{key}`" not in _section("ucurve report")} == set()


def test_html_is_written_and_described(ucurve: Caller, sweep_store: Store, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Looks good to me.")
    target = tmp_path / "review.html"

    answer = ucurve(
        "report", "--sweep", "synthetic", "--store", sweep_store.location, "-o", target, "--notes", notes,
        "--title", "My review", "--sections", "decision,notes", "--json",
    )  # fmt: skip

    assert answer.code == 0
    assert isinstance(answer.json, dict)
    assert documented(answer.json)
    assert answer.json["files"] == [{"path": str(target), "format": "html", "size_bytes": target.stat().st_size}]
    assert answer.json["sections"] == ["decision", "notes"]
    page = target.read_text()
    assert "<title>My review</title>" in page
    assert "Looks good to me." in page


WRITE_ALL = """
import sys
from pathlib import Path
from analysis.reports.compose import compose_report
from analysis.reports.order import ReportOrder
from analysis.store import Store
from runner.reporting.write import write_report
report = compose_report(Store.open(Path(sys.argv[1])).snapshot(), ReportOrder(notes="Fine."))
for name in ("html", "md", "csv"):
    write_report(report, Path(sys.argv[2]) / f"review.{name}", name)
"""


@pytest.mark.slow
def test_two_processes_write_the_same_but_for_one_line_a_format(sweep_store: Store, tmp_path: Path) -> None:
    for seed in ("1", "2"):  # sets have another order in each
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", WRITE_ALL, sweep_store.location, str(tmp_path / seed)]
        environment = os.environ | {"PYTHONHASHSEED": seed, browser.VARIABLE: "/nowhere/chromium"}
        subprocess.run(command, env=environment, check=True)

    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "2").iterdir())
    assert len(names) > 10
    different = []
    for name in names:
        first, second = ((tmp_path / seed / name).read_text().split("\n") for seed in ("1", "2"))
        different += [(name, line) for line, other in zip(first, second, strict=True) if line != other]
    # None when both fall into one second.
    assert [name for name, _ in different] in ([], ["review.csv", "review.html", "review.md"])
    assert all(re.search(r"[Mm]ade (<time datetime=\")?\d{4}-\d\d-\d\dT", line) for _, line in different)


def test_tables_lie_beside_their_list(ucurve: Caller, sweep_store: Store, tmp_path: Path) -> None:
    answer = ucurve("report", "--store", sweep_store.location, "-o", tmp_path / "review.csv", *FAST)

    assert answer.code == 0
    assert "files beside it" in answer.out
    assert (tmp_path / "review.ranking-table.csv").read_text().startswith('"rank",')
    assert '"ranking-table","ranking",' in (tmp_path / "review.csv").read_text()


def test_markdown_without_a_browser_ends_with_one(
    ucurve: Caller, sweep_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")

    answer = ucurve("report", "--store", sweep_store.location, "-o", tmp_path / "r.md", *FAST)

    assert answer.code == 1
    assert "tables instead of pictures" in answer.err
    assert (tmp_path / "r.md").read_text().startswith("# Recipe review")


def test_pdf_without_a_browser_ends_with_three_and_writes_nothing(
    ucurve: Caller, sweep_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")

    answer = ucurve("report", "--store", sweep_store.location, "-o", tmp_path / "r.pdf", *FAST)

    assert answer.code == 3
    assert "apt install chromium" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say where to write the report"),
        (("-o", "r.doc"), "does not say which format"),
        (("-o", "r.html", "--format", "doc"), "There is no report format 'doc'"),
        (("-o", "r.html", "--sections", "all"), "There is no section 'all'"),
        (("-o", "r.html", "--sweep", "nope"), "There is no sweep 'nope' in this store; there is: synthetic."),
        (("-o", "r.html", "--notes", "nowhere.txt"), "cannot read 'nowhere.txt'"),
        (("-o", "r.html", "--metric", "nope"), "No run has logged the metric 'nope'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    ucurve: Caller, sweep_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    answer = ucurve("report", "--store", sweep_store.location, *arguments)

    assert answer.code == 2
    assert said in answer.err
    assert list(tmp_path.iterdir()) == []


def test_two_reports_are_compared(ucurve: Caller, sweep_store: Store, tmp_path: Path) -> None:
    old, new = tmp_path / "old.html", tmp_path / "new.html"
    ucurve("report", "--store", sweep_store.location, "-o", old, "--where", "batch_size=4", "--sections", "runs")
    ucurve("report", "--store", sweep_store.location, "-o", new, "--sections", "runs")

    as_text = ucurve("report", "--compare", old, new)
    as_json = ucurve("report", "--compare", old, new, "--json", "-o", tmp_path / "changes.md")

    assert "Filters: batch_size=4 before, none now." in as_text.out
    assert "8 runs more:" in as_text.out
    assert isinstance(as_json.json, dict)
    assert documented(as_json.json)
    assert as_json.json["same"] is False
    assert "8 runs more:" in (tmp_path / "changes.md").read_text()


def test_a_file_that_is_no_report_cannot_be_compared(ucurve: Caller, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text("<p>hello</p>")

    answer = ucurve("report", "--compare", other, other)

    assert answer.code == 2
    assert "other.html is no HTML report of ucurve" in answer.err
