"""Filters, saved views and annotations in a real browser: what stays, where it lives, and what several people see."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from analysis.store import Store
from docs.tools.browser import Chromium, Screen, Tab
from docs.tools.server import dashboard
from tests.pages.stores import mixed, write_store

NARROWED = "14 of 33 runs"
FILTERS = ("sweep=demo-a", "where=batch_size%3D16")
QUERY = "&".join(FILTERS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    """A dashboard of its own: what is saved here is nobody else's."""
    folder = write_store(tmp_path_factory.mktemp("views") / "store", mixed())
    with dashboard(folder) as address:
        yield address, Store.open(folder)


def keeps_its_filters(tab: Tab) -> bool:
    tab.wait_for_text(NARROWED)
    tab.wait_until_drawn()
    return all(each in tab.url() for each in FILTERS)


def test_filters_stay_through_navigation_links_and_the_back_button(
    chromium: Chromium, served: tuple[str, Store]
) -> None:
    address, _ = served
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/?{QUERY}", wait_for=NARROWED)
        for path, text in (
            ("learning_rate", "Best tried"),
            ("runs", "Configuration"),
            ("data_health", "Excluded runs"),
        ):
            tab.click(f'[data-testid=stSidebarNavLink][href*="/{path}"]')
            tab.wait_for_text(text)
            assert keeps_its_filters(tab), (path, tab.url())
        tab.click('[data-testid=stSidebarNavLink][href*="/runs"]')
        tab.wait_for_text("Configuration")
        tab.click("[data-testid=stMain] [data-testid=stPageLink-NavLink]")
        tab.wait_for_text("Last values")
        assert keeps_its_filters(tab), tab.url()
        tab.evaluate("history.back()")
        tab.wait_for_text("Configuration")
        assert keeps_its_filters(tab), tab.url()
        assert tab.problems == []


def open_views(tab: Tab) -> None:
    tab.click(".st-key-saved-views summary")
    tab.wait_for("document.querySelector('.st-key-saved-view-name input')")


def test_a_view_that_one_person_saves_opens_for_another_and_is_deleted(
    chromium: Chromium, served: tuple[str, Store]
) -> None:
    address, store = served
    with chromium.tab(Screen()) as tab:
        tab.go(f"{address}/learning_rate?{QUERY}", wait_for=NARROWED)
        open_views(tab)
        tab.click(".st-key-saved-view-name input")
        tab.type("weekly <b>review</b>")
        tab.press("Enter")
        tab.click(".st-key-saved-view-save button")
        tab.wait_for_text("Saved.")
        tab.wait_until_drawn()
        assert tab.problems == []
    (view,) = [each for each in store.snapshot().annotations() if each.subject.kind == "view"]
    assert view.text.startswith("learning_rate?")
    assert set(FILTERS) <= set(view.text.partition("?")[2].split("&"))

    with chromium.tab(Screen()) as other:
        for start in ("/", "/learning_rate?sweep=older"):  # from another page, and from the same one
            other.go(f"{address}{start}", wait_for="runs")
            open_views(other)
            other.click(f".st-key-open-{view.annotation_id} button")
            assert keeps_its_filters(other), other.url()
            assert re.search(r"/learning_rate\?", other.url())
        if "Save this page" not in other.text():
            open_views(other)
        other.click(f".st-key-unsave-{view.annotation_id} button")
        other.wait_for_text("None yet")
    assert not any(each.active for each in store.snapshot().annotations())


def test_a_note_is_written_seen_and_taken_back(chromium: Chromium, served: tuple[str, Store]) -> None:
    address, store = served
    run_id = str(store.snapshot().runs()["run_id"].iloc[0])
    with chromium.tab(Screen(width=390, height=844, dark=True)) as tab:
        tab.go(f"{address}/compare_runs?run={run_id}", wait_for="Last values")
        tab.click(".st-key-annotations summary")
        tab.wait_for("document.querySelector('.st-key-annotate-note textarea')")
        tab.click(".st-key-annotate-note textarea")
        tab.type("<img src=x onerror=alert(1)> **bold**")
        tab.click(".st-key-annotate-save button")
        tab.wait_for_text("Saved.")
        tab.wait_for_text("<img src=x onerror=alert(1)> **bold**")
        tab.wait_until_drawn()
        assert store.snapshot().runs().set_index("run_id").loc[run_id, "n_notes"] == 1
        width = tab.evaluate("document.documentElement.scrollWidth")
        assert isinstance(width, int | float)
        assert width <= 390
        assert tab.problems == []
        tab.click("[class*=st-key-unsay-] button")
        tab.wait_for("!document.querySelector('[class*=st-key-unsay-]')")
    assert store.snapshot().runs()["n_notes"].sum() == 0
