"""What a reader sees in a real browser: on a desk and on a phone, light and dark."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from docs.tools.browser import Chromium, Screen, Tab
from docs.tools.server import ROOT, dashboard
from tests.pages.stores import FakeRun, half_finished, mixed, write_store

PAGES = {
    "/": "Newest sweep",
    "/learning_rate": "Best tried",
    "/best_configuration": "P(best)",
    "/runs": "Configuration",
    "/compare_runs": "Last values",
    "/batch_scaling": "Batch is counted in sequences per step",
    "/benchmarks": "No run in view has a benchmark score",
    "/what_matters?section=Every+trial": "A line is one trial",
    "/data_health": "Excluded runs",
    "/import_runs": "A table of runs",
    "/report": "Make the report",
    "/launch": "What it would do",
    "/queue": "Nothing has been launched yet",
    "/audit": "Nobody has launched",
}
WITHOUT_CHART = {"/runs", "/benchmarks", "/data_health", "/import_runs", "/report", "/queue", "/audit"}
SCREENS = {"desktop": Screen(), "phone": Screen(width=390, height=844, dark=True)}
EXCEPTIONS = "document.querySelectorAll('[data-testid=stException], [data-testid=stAlertContentError]').length"


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_every_page_is_drawn_without_a_problem_and_fits(chromium: Chromium, address: str, screen: Screen) -> None:
    with chromium.tab(screen) as tab:
        for path, text in PAGES.items():
            tab.go(address + path, wait_for=text)

            assert tab.evaluate(EXCEPTIONS) == 0
            assert tab.evaluate("document.querySelectorAll('[role=dialog]').length") == 0
            assert tab.problems == []
            n_charts = tab.evaluate("document.querySelectorAll('svg.main-svg').length")
            assert bool(n_charts) is (path not in WITHOUT_CHART)
            width = tab.evaluate("document.documentElement.scrollWidth")
            assert isinstance(width, int | float)
            assert width <= screen.width


def test_every_page_is_looked_at() -> None:
    pages = {path.stem for path in (ROOT / "pages").glob("[a-z]*.py")}

    assert {path.partition("?")[0].strip("/") or "overview" for path in PAGES} == pages


def test_axes_have_titles_with_units(chromium: Chromium, address: str) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/learning_rate", wait_for="Best tried")

        titles = axis_titles(tab)

    assert "eval_loss (nats per target token)" in titles
    assert "peak learning rate (log scale)" in titles


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_follows_the_colour_scheme_and_its_text_and_focus_stand_out(
    chromium: Chromium, address: str, *, dark: bool
) -> None:
    with chromium.tab(Screen(dark=dark)) as tab:
        tab.go(f"{address}/learning_rate", wait_for="Best tried")
        page = color(tab, "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
        text = color(tab, "getComputedStyle(document.querySelector('h1')).color")
        tick = color(tab, "getComputedStyle(document.querySelector('.xtick text')).fill")
        tab.press("Tab")  # from now on the browser shows where the focus is
        tab.page.locator("[data-testid=stSidebarNavLink]").first.focus()
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        ring = color(tab, "getComputedStyle(document.activeElement).outlineColor")

    assert (luminance(page) < 0.2) is dark
    assert contrast(page, text) > 7
    assert contrast(page, tick) > 4.5
    assert outline == "solid"
    assert contrast(page, ring) > 3


def test_a_filter_shrinks_the_table_and_changes_the_address(chromium: Chromium, address: str) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/runs", wait_for="Configuration")
        choose(tab, "sweep", "older")
        tab.wait_for_text("4 of 33 runs")
        tab.wait_until_drawn()
        link = tab.url()

    assert "sweep=older" in link
    with chromium.tab(Screen()) as tab:
        tab.go(link, wait_for="4 of 33 runs")
        assert tab.url() == link


def test_a_typed_filter_changes_the_address(chromium: Chromium, address: str) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/runs", wait_for="Configuration")
        choose(tab, "where", "learning_rate>=1e-3")
        tab.wait_for_text("of 33 runs")
        tab.wait_until_drawn()

        assert "where=learning_rate%3E%3D1e-3" in tab.url()


def test_filters_survive_a_change_of_page_and_a_reload(chromium: Chromium, address: str) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/?sweep=demo-a&where=batch_size%3D16", wait_for="14 of 33 runs")

        tab.click('[data-testid=stSidebarNavLink][href*="/learning_rate"]')
        tab.wait_for_text("Best tried")
        tab.wait_until_drawn()
        assert "sweep=demo-a" in tab.url()
        assert "where=batch_size%3D16" in tab.url()
        assert "14 of 33 runs" in tab.text()

        tab.go(tab.url(), wait_for="14 of 33 runs")


def test_ticked_runs_are_kept_in_the_address(chromium: Chromium, address: str) -> None:
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/runs?sweep=older", wait_for="4 of 33 runs")
        box = tab.evaluate(
            "(() => {const r = document.querySelector('[data-testid=stDataFrame] canvas').getBoundingClientRect();"
            " return [r.x, r.y]})()"
        )
        assert isinstance(box, list)
        tab.click_at(box[0] + 16, box[1] + 53)  # the tick box of the first row, below a header of 35 px
        tab.wait_for("location.search.includes('run=')")
        link = tab.url()

    with chromium.tab(Screen()) as tab:
        tab.go(link, wait_for="4 of 33 runs")
        assert "Tick one run" not in tab.text()
        assert re.search(r"run=[0-9a-f]{12}-s0", tab.url())


def test_the_first_visit_of_a_server_may_be_any_link(chromium: Chromium, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", mixed())
    with dashboard(store) as address, chromium.tab(Screen()) as tab:
        tab.go(f"{address}/compare_runs?sweep=older&x=Tokens", wait_for="4 of 33 runs")

        assert tab.evaluate("document.querySelectorAll('[role=dialog]').length") == 0
        assert "trained tokens" in axis_titles(tab)
        choose(tab, "sweep", "demo-a")
        tab.wait_for_text("29 of 33 runs")
        assert "sweep=demo-a" in tab.url()


def test_the_page_follows_a_sweep_by_itself(chromium: Chromium, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with dashboard(folder) as address, chromium.tab(Screen()) as tab:
        tab.go(address, wait_for="There is no store here yet")

        runs = half_finished()
        write_store(folder, runs)
        tab.wait_for_text("3 of 7 runs done, 2 running", timeout_s=60)

        write_store(folder, [replace(run, status="finished", n_steps=24) for run in runs if run.status != "finished"])
        tab.wait_for_text("nothing is running", timeout_s=60)
        tab.wait_for("!document.body.innerText.includes('Running now')")
        assert tab.problems == []


def test_hostile_names_are_shown_as_text(chromium: Chromium, tmp_path: Path) -> None:
    addresses = "http://evil.example www.evil.example a@evil.example ![z](evil.example)"
    name = f"<img src=x onerror=alert(1)> $y$ [z](evil.example) :material/home: :smile: :red[x] {addresses}"
    runs = [FakeRun(learning_rate=rate, name=name, model=name) for rate in (1e-4, 2e-4, 4e-4)]
    with dashboard(write_store(tmp_path / "store", runs)) as address, chromium.tab(Screen()) as tab:
        for path in PAGES:
            tab.go(address + path, wait_for="nothing is running")
            assert tab.evaluate("document.querySelectorAll('img[src=x], a[href*=\"evil.example\"]').length") == 0
            assert tab.evaluate(EXCEPTIONS) == 0
        tab.go(f"{address}/runs", wait_for="The same for all")
        shown = tab.text().replace("\u2060", "")
        assert name in shown


def choose(tab: Tab, key: str, text: str) -> None:
    """Type a value into one of the sidebar's selection boxes and take it."""
    tab.click(f".st-key-{key} input")
    tab.type(text)
    time.sleep(0.5)
    tab.press("Enter")


def axis_titles(tab: Tab) -> list[str]:
    titles = tab.evaluate("[...document.querySelectorAll('.xtitle, .ytitle')].map(title => title.textContent)")
    assert isinstance(titles, list)
    return titles


def color(tab: Tab, expression: str) -> tuple[float, float, float]:
    text = tab.evaluate(expression)
    red, green, blue = (float(number) for number in re.findall(r"[\d.]+", json.dumps(text))[:3])
    return red, green, blue


def luminance(color: tuple[float, float, float]) -> float:
    """Relative luminance as WCAG 2.2 defines it, from 0 (black) to 1 (white)."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Contrast ratio as WCAG 2.2 defines it, from 1 to 21; 4.5 is the minimum for text."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
