"""A report as its reader opens it: from a file, offline, on a desk and on a phone, light and dark."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from analysis.reports.compose import compose_report
from analysis.reports.html import render_html
from analysis.reports.order import ReportOrder
from analysis.store import EvalRow, Store
from docs.tools.browser import Chromium
from tests.analysis.reports.conftest import ATTACKS
from tests.pages.stores import FakeRun, mixed, write_store

DRAWN = "html[data-charts=drawn]"
PAPER = 688
"""CSS pixels of A4 between the margins of 14 mm."""


@pytest.fixture
def browser(chromium: Chromium) -> Browser:
    return chromium.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every figure, and an attack in the name of every run and benchmark."""
    folder = tmp_path_factory.mktemp("report")
    runs = [FakeRun(**{**run.__dict__, "name": ATTACKS[at % len(ATTACKS)]}) for at, run in enumerate(mixed())]
    store = Store.open(write_store(folder / "store", runs))
    finished = [run for run in runs if run.status == "finished"]
    names = ("<img src=x onerror=alert(1)>", "</script>")
    store.append(
        evals=[
            EvalRow(run.run_id, 1, 24, name, "acc", 0.4 + 0.01 * at, 0.02, 100, 0.25, True)
            for at, run in enumerate(finished)
            for name in names
        ]
    )
    order = ReportOrder(title=" ".join(ATTACKS), notes="\n\n".join(ATTACKS))
    path = folder / "review.html"
    path.write_text(render_html(compose_report(store.snapshot(), order)), encoding="utf-8")
    return path


class Opened:
    """The report in a browser without network: what it asked for, said and did."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))

    def go(self, file: Path) -> None:
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(DRAWN, timeout=60_000)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desk", "phone in the dark"])
def test_it_opens_offline_asks_for_nothing_and_fits(browser: Browser, file: Path, width: int, *, dark: bool) -> None:
    with browser.new_context(
        offline=True, viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    ) as context:
        opened = Opened(context.new_page())
        opened.go(file)
        page = opened.page

        assert opened.requests == [file.as_uri()]
        assert opened.problems == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        plots = page.locator(".plot")
        assert plots.count() >= 6
        assert page.locator(".plot svg.main-svg").count() >= plots.count()
        shown = page.evaluate(
            "[...document.querySelectorAll('.plot')].map(plot => plot.querySelector('.main-svg').clientWidth)"
        )
        assert all(0 < wide <= width for wide in shown)
        page_is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 26)"
        assert page_is_dark is dark
        assert page.locator("img, iframe").count() == 0


def wait_for_another(page: Page, expression: str, before: object) -> object:
    """The next value of an expression; playwright's own waiting needs `eval`, which a report forbids."""
    deadline = time.monotonic() + 30
    while (now := page.evaluate(expression)) == before:
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)
    return now


def test_charts_follow_the_reader_s_colours_and_paper_is_light(browser: Browser, file: Path) -> None:
    with browser.new_context(offline=True, color_scheme="dark") as context:
        opened = Opened(context.new_page())
        opened.go(file)
        page = opened.page
        ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
        dark = page.evaluate(ink)

        page.emulate_media(color_scheme="light")
        light = wait_for_another(page, ink, dark)
        page.emulate_media(color_scheme="dark")
        assert wait_for_another(page, ink, light) == dark
        page.evaluate("dispatchEvent(new Event('beforeprint'))")

        assert page.evaluate(ink) == light
        assert page.evaluate("document.querySelector('.plot .main-svg').clientWidth") == 680
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(ink) == dark
        assert opened.problems == []


def test_no_table_is_wider_than_paper(browser: Browser, file: Path) -> None:
    """Chromium makes the whole document smaller to fit the widest thing in it, letters and charts as well."""
    with browser.new_context(offline=True, viewport={"width": PAPER, "height": 900}) as context:
        opened = Opened(context.new_page())
        opened.go(file)
        opened.page.emulate_media(media="print")
        opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")

        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PAPER


def test_the_keyboard_reaches_the_report_and_its_tables(browser: Browser, file: Path) -> None:
    with browser.new_context(offline=True) as context:
        opened = Opened(context.new_page())
        opened.go(file)
        page = opened.page

        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details").first.get_attribute("open") is not None
