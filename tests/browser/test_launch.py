"""The button in a real browser, against the real server and a real queue that nobody works on: one intent, one job."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from docs.tools.browser import Chromium, Screen, Tab
from docs.tools.server import dashboard
from runner.access.authority import Authority
from runner.access.local import local_person
from runner.queue.job import Job
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec
from tests.pages.stores import one_run, write_store
from tests.tiny_model import save_tiny_model

SPEC = """
name: pressed
model: {model}
dataset: {{path: {data}, held_out: 4}}
axes: {{learning_rate: [1e-3, 1e-2], batch_size: [2, 4]}}
budget: {{steps: 2}}
training: {{max_length: 64}}
"""
ENABLED = "[...document.querySelectorAll('button')].some(b => b.innerText.includes('Review and launch') && !b.disabled)"
LAUNCH = "document.querySelector('.st-key-launch-now button')"


@pytest.fixture(scope="module")
def served_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Queue]]:
    """A dashboard over a queue with one stopped job, which the tests clone; its dry run is made once."""
    folder = tmp_path_factory.mktemp("launch")
    store = write_store(folder / "store", one_run())
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"Say {n}.", "completion": f"It is {n}."}) + "\n" for n in range(20)))
    model = save_tiny_model(folder / "model")
    made = Queue.open(store, create=True, authority=Authority.local())
    order = order_of(parse_sweep_spec(SPEC.format(model=model, data=data)))
    job = made.submit(order, local_person(), key="first")
    made.ask_stop(job.job_id, local_person())
    with dashboard(store, log=folder / "log") as url:
        yield url, made
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def served(served_queue: tuple[str, Queue]) -> str:
    return served_queue[0]


@pytest.fixture
def queue(served_queue: tuple[str, Queue]) -> Iterator[Queue]:
    """The queue, with nothing waiting in it before and after."""
    made = served_queue[1]
    yield made
    for job in _open_jobs(made):
        made.ask_stop(job.job_id, local_person())


def test_however_it_is_pressed_there_is_one_job(chromium: Chromium, served: str, queue: Queue) -> None:
    with chromium.tab(Screen()) as tab:
        _review(tab, served)
        tab.evaluate(f"{LAUNCH}.click(); {LAUNCH}.click(); setTimeout(() => {LAUNCH}?.click(), 150)")
        tab.wait_for_text("is in the queue as")
        tab.wait_until_drawn()
        assert "/queue" in tab.url()
        assert len(_open_jobs(queue)) == 1

        for move in ("history.back()", "history.forward()", "location.reload()"):
            tab.evaluate(move)
            tab.wait_until_drawn()
        for address in ("launch?launch=1&launch-now=true&launch-review=1", "launch", "queue"):
            tab.go(f"{served}/{address}", wait_for="Launch")
            assert tab.evaluate("document.querySelectorAll('[role=dialog]').length") == 0
        assert len(_open_jobs(queue)) == 1
        assert tab.problems == []


def test_two_tabs_get_one_job(chromium: Chromium, served: str, queue: Queue) -> None:
    with ExitStack() as stack:
        tabs = [stack.enter_context(chromium.tab(Screen(dark=bool(n)))) for n in range(2)]
        for tab in tabs:
            _review(tab, served)
        for tab in tabs:
            tab.evaluate(f"{LAUNCH}.click()")
        for tab in tabs:
            tab.wait_for("location.pathname.includes('queue')")
            tab.wait_for_text("pressed")
    (job,) = _open_jobs(queue)
    assert job.order.n_runs == 4


def test_a_tab_that_is_closed_while_it_launches_leaves_a_whole_job_or_none(
    chromium: Chromium, served: str, queue: Queue
) -> None:
    with chromium.tab(Screen()) as tab:
        _review(tab, served)
        tab.evaluate(f"{LAUNCH}.click()")
    _wait(lambda: bool(_open_jobs(queue)))
    (job,) = _open_jobs(queue)
    assert parse_sweep_spec(job.order.spec).name == "pressed"


def _review(tab: Tab, served: str) -> None:
    """Clone the stopped job, wait for its dry run, and open the last look."""
    tab.go(f"{served}/queue", wait_for="Clone and edit")
    tab.click("[class*=st-key-queue-clone-] button")
    tab.wait_for_text("What it would do")
    tab.wait_for(ENABLED, timeout_s=120)
    tab.wait_until_drawn()
    tab.click(".st-key-launch-review-now button")
    tab.wait_for(f"{LAUNCH} && !{LAUNCH}.disabled")
    tab.wait_until_drawn()
    assert "4 runs" in tab.text()
    assert "admin" in tab.text()


def _open_jobs(queue: Queue) -> list[Job]:
    return [job for job in queue.jobs() if job.state == "queued"]


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
