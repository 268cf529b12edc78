"""The page Report: it asks, makes the report beside itself, and shows it without anything in it doing anything."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.reports.figures_of import WrittenFigure
from analysis.reports.order import ReportOrder
from pages._report_preview import preview_parts
from runner.reporting import browser
from runner.reporting.maker import Made, ReportMaker, arguments_of
from tests.pages.conftest import OpenPage, shown_text

FAST = ["What was run", "Reviewer's notes"]


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browser.VARIABLE, "/nowhere/chromium")


def wait_until_made(app: AppTest) -> AppTest:
    deadline = time.monotonic() + 60
    while "The report is being made" in shown_text(app):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        app.run()
    return app


@pytest.mark.parametrize("state", ["one_run", "all_diverged", "half_finished", "mixed"])
def test_the_page_offers_to_make_a_report(open_page: OpenPage, state: str) -> None:
    app = open_page(state, "Report")

    assert not app.exception
    assert not app.button(key="report-make").disabled


@pytest.mark.slow
def test_a_report_is_made_shown_and_offered(open_page: OpenPage) -> None:
    app = open_page("mixed", "Report", sweep="demo-a", report_sections=FAST)
    app.text_area(key="report_notes").input("Ship it :material/rocket: [x](y)").run()
    app.button(key="report-make").click().run()
    wait_until_made(app)

    assert not app.exception
    assert not app.error
    keys = {str(button.key) for button in app.get("download_button") if button.key}
    assert {"report-html", "report-md", "report-csv", "report-parquet"} <= keys
    assert "report-pdf" not in keys
    text = shown_text(app)
    assert "No PDF" in text
    assert "What was run" in text
    assert "Ship it \\:\u2060material/rocket\\: \\[x\\](y)" in text

    app.text_input(key="report_title").input("Another").run()
    assert "make the report again" in shown_text(app)


@pytest.mark.slow
def test_what_went_wrong_is_said(open_page: OpenPage, stores: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ReportMaker, "ask", lambda *_: Made("failed", problem="There is no sweep 'x' in this store; there is: none.")
    )
    app = open_page("mixed", "Report")
    app.button(key="report-make").click().run()

    assert [error.value.replace("\\", "") for error in app.error] == [
        "There is no sweep 'x' in this store; there is: none."
    ]
    assert stores


def test_the_preview_draws_the_charts_of_the_file(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = json.dumps({"light": {"data": [{"x": [1, 2], "y": [3, 4]}], "layout": {}}, "dark": []})
    figures = {"curves": WrittenFigure(drawing, 300, (3.0, 4.0))}
    made = Made("ready", text="before\n![Loss](review-pictures/curves.png)\nafter", figures=figures)
    monkeypatch.setattr(ReportMaker, "ask", lambda *_: made)
    app = open_page("mixed", "Report")

    app.button(key="report-make").click().run()

    assert not app.exception
    [chart] = app.get("plotly_chart")
    drawn = json.loads(chart.proto.spec)
    assert drawn["data"][0]["y"] == [3, 4]
    assert drawn["layout"]["yaxis"]["range"] == [3.0, 4.0]
    assert "after" in shown_text(app)


def test_colons_do_nothing_in_the_preview_but_in_code() -> None:
    text = "a :red[b] 12:30\n| x |\n|---:|\n```yaml\nkey: 1\n```\n![alt](p/q.png)\nend"

    parts = preview_parts(text)

    assert parts == [
        "a \\:\u2060red[b] 12\\:\u206030\n| x |\n|---:|\n```yaml\nkey: 1\n```",
        ("alt", "p/q.png"),
        "end",
    ]


def test_nothing_from_the_browser_becomes_an_option(tmp_path: Path) -> None:
    order = ReportOrder(title="--store=/etc", sweeps=("--x",), where=("-o=1",), notes="--json")

    arguments = arguments_of(order, tmp_path / "store", tmp_path)

    assert arguments[0] == "report"
    assert all(argument.startswith("--") for argument in arguments[1:])
    assert f"--store={tmp_path / 'store'}" in arguments
    assert {"--title=--store=/etc", "--sweep=--x", "--where=-o=1"} <= set(arguments)
    assert (tmp_path / "notes.txt").read_text() == "--json"
