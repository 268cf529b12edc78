"""What a person does on each page, in a real browser: one walk a page, and nothing goes wrong in its console."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload

from analysis.store import EvalRow, Store
from docs.tools.browser import Chromium, Screen, Tab
from docs.tools.server import dashboard
from pages._audit_log import PAGE_SIZE
from runner.access.authority import Authority
from runner.access.local import local_person
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec
from tests.pages.registered import registered_pages
from tests.pages.stores import mixed, write_store

SPEC = "model: smollm2-135m\ndataset: skills\naxes: {learning_rate: [1e-3, 2e-3]}\nbudget: {steps: 2}\nname: waits\n"
TABLE = "run,learning_rate,batch_size,eval_loss\na,1e-4,8,2.5\nb,1e-3,8,2.1\nc,1e-2,8,2.9\n"
ROW_PX = (16, 53)
"""From the corner of a table to the tick box of its first row, below a header of 35 px."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on a store that walks look at."""
    with _serve(tmp_path_factory.mktemp("walks")) as url:
        yield url


@pytest.fixture
def served_alone(tmp_path: Path) -> Iterator[str]:
    """A dashboard on a store of its own, for the walk that brings runs in: the others count them."""
    with _serve(tmp_path) as url:
        yield url


@contextmanager
def _serve(folder: Path) -> Iterator[str]:
    """A store with runs, scores, a job that waits, and an audit log of more than one page."""
    store = write_store(folder / "store", mixed())
    finished = [run for run in mixed() if run.status == "finished"]
    Store.open(store).append(
        evals=[
            EvalRow(run.run_id, 1, 24, "skills", "acc", 0.4 + 0.01 * at, 0.02, 100, 0.25, True)
            for at, run in enumerate(finished)
        ]
    )
    queue = Queue.open(store, create=True, authority=Authority.local())
    queue.submit(order_of(parse_sweep_spec(SPEC)), local_person(), key="first")
    for number in range(PAGE_SIZE):
        queue.note(local_person(), "import", f"table {number}", "done")
    with dashboard(store, folder / "log") as url:
        yield url
    assert "Traceback" not in (folder / "log").read_text()


def tick_a_sweep(tab: Tab) -> None:
    tick_first_row(tab)
    tab.wait_for("location.search.includes('sweep=demo-a')")
    tab.wait_for_text("29 of 33 runs")


def judge_a_learning_rate(tab: Tab) -> None:
    tab.page.get_by_text("Regret of the recommended or any other learning rate").click()
    tab.page.get_by_text("One learning rate", exact=True).click()
    tab.wait_for("document.querySelector('.st-key-judged-lr input')")
    assert "judge=One" in tab.url()


def choose_what_makes_a_setting(tab: Tab) -> None:
    tab.click(".st-key-setting input")
    tab.wait_for("document.querySelector('[role=option]')")
    tab.press("Enter")
    tab.wait_for("location.search.includes('setting=')")


def take_the_recipe(tab: Tab) -> None:
    tab.page.get_by_text("Take it to a training tool").click()
    tab.wait_until_drawn()  # the file above the button comes after it and moves it
    with tab.page.expect_download() as download:
        tab.page.locator(".st-key-recipe-recipe button").click()
    assert "learning_rate" in Path(download.value.path()).read_text(encoding="utf-8")


def choose_a_baseline(tab: Tab) -> None:
    tab.click(".st-key-bench_baseline input")
    tab.wait_for("document.querySelectorAll('[role=option]').length > 1")
    tab.page.locator("[role=option]").nth(1).click()
    tab.wait_for("location.search.includes('bench_baseline=')")


def look_at_trade_offs(tab: Tab) -> None:
    tab.page.get_by_text("Trade-offs", exact=True).click()
    tab.wait_for("document.querySelector('.st-key-pareto-chart svg.main-svg')")
    assert "section=Trade-offs" in tab.url()


def tick_a_run_and_compare(tab: Tab) -> None:
    tick_first_row(tab)
    tab.wait_for_text("Compare 1 ticked run")
    tab.page.get_by_role("link", name="Compare 1 ticked run").click()
    tab.wait_for("location.pathname.includes('compare_runs') && location.search.includes('run=')")
    tab.wait_for_text("Last values")


def draw_against_tokens(tab: Tab) -> None:
    tab.page.get_by_text("Tokens", exact=True).click()
    tab.wait_for("[...document.querySelectorAll('.xtitle')].some(title => title.textContent === 'trained tokens')")
    assert "x=Tokens" in tab.url()


def show_one_reason(tab: Tab) -> None:
    tab.page.locator(".st-key-why button").first.click()
    tab.wait_for("location.search.includes('why=')")


def make_and_download_a_report(tab: Tab) -> None:
    tab.page.get_by_label("Title").fill("What the walk found")
    tab.press("Tab")
    tab.wait_until_drawn()
    tab.click(".st-key-report-make button")
    tab.wait_for("document.querySelector('.st-key-report-html button')", timeout_s=120)
    with tab.page.expect_download() as download:
        tab.click(".st-key-report-html button")
    assert "What the walk found" in Path(download.value.path()).read_text(encoding="utf-8")


def change_the_sweep_file_by_its_form(tab: Tab) -> None:
    tab.page.locator(".st-key-launch-seeds input").fill("3")
    tab.press("Enter")
    tab.wait_for("document.querySelector('.st-key-launch-yaml textarea').value.includes('seeds: 3')")


def take_a_job_out(tab: Tab) -> None:
    tab.wait_for_text("Queued: 1")
    tab.click("[class*=st-key-queue-stop-] button")
    tab.wait_for_text("Ended: 1")


def look_further_back(tab: Tab) -> None:
    tab.click(".st-key-audit-older button")
    tab.wait_for("!document.querySelector('.st-key-audit-newer button').disabled")


def bring_in_a_table(tab: Tab) -> None:
    table: FilePayload = {"name": "walk.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    tab.page.locator(".st-key-import-file input[type=file]").set_input_files(table)
    tab.wait_for("document.querySelector('.st-key-import-now button')")
    tab.wait_until_drawn()
    tab.click(".st-key-import-now button")
    tab.wait_for_text("The store has all of this that can be imported")


WALKS: dict[str, tuple[str, Callable[[Tab], None]]] = {
    "overview": ("Newest sweep", tick_a_sweep),
    "learning_rate": ("Best tried", judge_a_learning_rate),
    "batch_scaling": ("Collapse", choose_what_makes_a_setting),
    "best_configuration": ("P(best)", take_the_recipe),
    "benchmarks": ("Every score", choose_a_baseline),
    "what_matters": ("Importance", look_at_trade_offs),
    "runs": ("Configuration", tick_a_run_and_compare),
    "compare_runs": ("Last values", draw_against_tokens),
    "data_health": ("Excluded runs", show_one_reason),
    "report": ("Make the report", make_and_download_a_report),
    "launch": ("The sweep file", change_the_sweep_file_by_its_form),
    "queue": ("waits", take_a_job_out),
    "audit": ("Older", look_further_back),
    "import_runs": ("A table of runs", bring_in_a_table),
}
"""Page -> a text that says it is there, and what a person then does."""


@pytest.mark.parametrize("page", WALKS)
def test_a_person_does_what_the_page_is_for(chromium: Chromium, request: pytest.FixtureRequest, page: str) -> None:
    text, walk = WALKS[page]
    served = request.getfixturevalue("served_alone" if page == "import_runs" else "served")
    with chromium.tab(Screen()) as tab:
        tab.go(f"{served}/{'' if page == 'overview' else page}", wait_for=text)
        walk(tab)
        tab.wait_until_drawn()

        assert tab.evaluate("document.querySelectorAll('[data-testid=stException]').length") == 0
        assert tab.problems == []


def test_every_registered_page_has_its_walk() -> None:
    assert set(WALKS) == registered_pages()


def tick_first_row(tab: Tab) -> None:
    canvas = tab.page.locator("[data-testid=stMain] [data-testid=stDataFrame] canvas").first
    canvas.scroll_into_view_if_needed()
    tab.wait_until_drawn()
    box = canvas.bounding_box()
    assert box is not None, json.dumps(tab.text())
    tab.click_at(box["x"] + ROW_PX[0], box["y"] + ROW_PX[1])
