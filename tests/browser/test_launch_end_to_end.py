"""From the sign-in to the finished sweep: `ucurve app --lan` with its worker, a launcher and a viewer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.proto.WidgetStates_pb2 import WidgetState

from analysis.store import Store
from docs.tools.browser import Chromium, Screen, Tab
from runner.queue.queue import Queue
from tests.browser.team import Team, prepare_team, provider, sign_in
from tests.browser.wire import WireBrowser
from tests.pages.stores import one_run, write_store
from tests.tiny_model import save_tiny_model

SWEEP = """name: launched
model: {model}
dataset: {{path: {data}, held_out: 4}}
axes: {{learning_rate: [1e-3, 1e-2], batch_size: [2, 4]}}
budget: {{steps: 2}}
training: {{max_length: 64}}
"""
PEOPLE: list[dict[str, object]] = [{"sub": "ada", "name": "Ada"}, {"sub": "bob", "name": "Bob"}]
ENABLED = "[...document.querySelectorAll('button')].some(b => b.innerText.includes('Review and launch') && !b.disabled)"
LAUNCH = "document.querySelector('.st-key-launch-now button')"


def test_a_launcher_s_sweep_is_trained_and_a_viewer_s_is_none(chromium: Chromium, tmp_path: Path) -> None:
    sweep, more = offered_sweep(tmp_path)
    store = write_store(tmp_path / "store", one_run())
    users = {"ada": "launcher", "bob": "viewer"}
    with (
        provider(tmp_path, PEOPLE) as signs_in,
        served_to_the_team(prepare_team(store, tmp_path, signs_in.url, users, more)) as team,
        chromium.tab(Screen()) as tab,
    ):
        sign_in(tab, team, "ada", wait_for="Newest sweep")
        review(tab, team, sweep)
        yaml, look, press = buttons_of_a_launcher(team, sweep)
        tab.evaluate(f"{LAUNCH}.click(); {LAUNCH}.click()")
        tab.wait_for("location.pathname.includes('queue')")
        tab.wait_for_text("launched")
        queue = Queue.open(store)
        (job,) = queue.jobs()
        wait_until(lambda: queue.jobs(["finished", "failed", "stopped"]))
        tab.wait_for_text("finished")
        assert tab.problems == []
        assert "Traceback" not in (tmp_path / "app.log").read_text()

        browser = WireBrowser(team.origin)
        browser.sign_in("bob")
        with browser.session(path="launch") as session:
            session.rerun(yaml)
            session.rerun(yaml, look)
            assert "has the role viewer, and this needs launcher" in session.rerun(yaml, press)
        assert [each.job_id for each in queue.jobs()] == [job.job_id]

    (done,) = queue.jobs()
    assert (done.state, done.person.user_id, done.person.via) == ("finished", "ada", "dashboard")
    assert [attempt.outcome for attempt in done.attempts] == ["finished"]
    runs = Store.open(store).snapshot().runs()
    assert sorted(runs[runs["sweep_id"] == "launched"]["status"]) == ["finished"] * 4
    entries = [(entry.user_id, entry.action, entry.outcome) for entry in queue.audit()]
    assert ("ada", "submit", "done") in entries
    assert not [entry for entry in entries if entry[0] == "bob" and entry[1] != "sign-in"]


def offered_sweep(folder: Path) -> tuple[str, str]:
    """A small sweep, and the part of a site file that offers its model and data."""
    data = folder / "data" / "rows.jsonl"
    data.parent.mkdir()
    rows = [{"prompt": f"Say {number}.", "completion": f"It is {number}."} for number in range(20)]
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    model = save_tiny_model(folder / "model")
    catalogue = f"\n[catalogue]\nmodels = [{json.dumps(str(model))}]\ndata_folders = [{json.dumps(str(data.parent))}]\n"
    return SWEEP.format(model=model, data=data), catalogue


@contextmanager
def served_to_the_team(team: Team) -> Iterator[Team]:
    """The verb as an admin types it; in the end neither the dashboard nor its worker is left."""
    command = ["app", "--lan", f"--site={team.site_file}", f"--store={team.store}", f"--port={team.port}"]
    log = team.site_file.with_name("app.log")
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner.cli", *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    assert process.stdout is not None
    try:
        assert any(f"Dashboard: {team.origin}" in line for line in process.stdout), log.read_text()
        yield team
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        wait_until(lambda: not [each for each in Queue.open(team.store).workers() if each.is_alive])
    assert process.returncode == 0


def review(tab: Tab, team: Team, sweep: str) -> None:
    """Write a sweep file on the page Launch and have the last look at it."""
    tab.go(f"{team.origin}/launch", wait_for="The sweep file")
    tab.click(".st-key-launch-yaml textarea")
    tab.evaluate("document.querySelector('.st-key-launch-yaml textarea').select()")
    tab.type(sweep)
    tab.evaluate("document.querySelector('.st-key-launch-yaml textarea').blur()")
    tab.wait_for_text("launched")
    tab.wait_for(ENABLED, timeout_s=120)
    tab.wait_until_drawn()
    tab.click(".st-key-launch-review-now button")
    tab.wait_for(f"{LAUNCH} && !{LAUNCH}.disabled")
    assert "Ada" in tab.text()
    assert "4 runs" in tab.text()


def buttons_of_a_launcher(team: Team, sweep: str) -> list[WidgetState]:
    """What the buttons of a launcher's page would send; their ids do not depend on who looks."""
    browser = WireBrowser(team.origin)
    browser.sign_in("ada")
    with browser.session(path="launch") as session:
        text = session.say("launch-yaml", sweep)
        session.rerun(text)
        session.rerun(text, session.press("launch-review-now"))
        return [text, session.press("launch-review-now"), session.press("launch-now")]


def wait_until(holds: Callable[[], object], timeout_s: float = 180.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
