"""Notices: told once per session, kept in the sidebar, and counted in the title of the tab."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.store import MetricRow, RunRow, Store
from pages import _decision_line
from runner.access.local import command_line_person
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec.load import parse_sweep_spec
from tests.pages.conftest import APP, shown_text
from tests.pages.stores import N_STEPS, FakeRun, write_store

RATES = (1e-4, 2e-4, 4e-4)
SPEC = {
    "name": "queued-one",
    "model": "smollm2-135m",
    "dataset": "skills",
    "budget": {"tokens": 100},
    "axes": {"learning_rate": [1e-4]},
    "seeds": 1,
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A sweep that is being trained."""
    folder = write_store(
        tmp_path / "store", [FakeRun(learning_rate=rate, status="running", n_steps=5) for rate in RATES]
    )
    monkeypatch.setenv("UCURVE_STORE", str(folder))
    return Store.open(folder)


@pytest.fixture
def app(store: Store) -> AppTest:  # noqa: ARG001 - it is what the environment names
    """The overview, looked at while everything runs."""
    return AppTest.from_file(str(APP), default_timeout=60).run()


def end(store: Store, *statuses: str) -> None:
    """Let the runs end so."""
    runs = [FakeRun(learning_rate=rate, status=status) for rate, status in zip(RATES, statuses, strict=True)]
    store.append(runs=[_next(store, run) for run in runs], metrics=[row for run in runs for row in _end(run)])


def _next(store: Store, run: FakeRun) -> RunRow:
    why = "CUDA out of memory" if run.status == "failed" else run.row()["status_reason"]
    return {**run.row(), "status_reason": why, "seq": store.next_seq(after=0)}


def _end(run: FakeRun) -> list[MetricRow]:
    return [row for row in replace(run, n_steps=N_STEPS).metrics() if row.step == N_STEPS]


def toasts(app: AppTest) -> list[str]:
    return [toast.value for toast in app.toast]


def kept(app: AppTest) -> str:
    """The list in the sidebar."""
    return "\n".join(line.value for line in app.sidebar.markdown)


def test_the_first_look_tells_nothing(app: AppTest) -> None:
    assert not app.exception
    assert toasts(app) == []
    assert "notice" not in " ".join(each.label for each in app.sidebar.expander)


def test_an_ended_sweep_is_told_once_with_decision_edge_and_what_went_wrong(store: Store, app: AppTest) -> None:
    end(store, "failed", "finished", "finished")
    first = toasts(app.run())

    assert not app.exception
    assert len(first) == 3
    assert first[0].startswith("Ended early. **demo\\-a**: the best learning rate tried is **4e-4**")
    assert first[1].endswith("try **1.2e-3**.")
    assert first[2] == "**demo\\-a**: 1 run failed: CUDA out of memory."
    assert toasts(app.run()) == []
    assert all(text in kept(app) for text in first)
    assert any(each.label == "3 notices, 3 new" for each in app.sidebar.expander)


def test_news_come_on_whatever_page_is_open_and_can_be_marked_as_read(store: Store, app: AppTest) -> None:
    app.switch_page("pages/runs.py").run()
    end(store, "diverged", "finished", "finished")
    app.run()

    assert any("1 run diverged" in text for text in toasts(app))
    app.sidebar.button("notices-read").click().run()
    assert any(each.label == "3 notices" for each in app.sidebar.expander)


def test_a_job_that_fails_is_told_with_its_reason_but_no_folders(store: Store, app: AppTest) -> None:
    queue = Queue.open(Path(store.location), create=True)
    order = order_of(parse_sweep_spec(json.dumps(SPEC), file="test"))
    me = command_line_person()
    failed = queue.submit(order, me, key="key-1").job_id
    app.run()
    _fail(queue, "cannot read '/srv/secret/place/data.jsonl'")
    told = toasts(app.run())

    assert not app.exception
    assert len(told) == 1
    assert failed in told[0].replace("\\", "")
    assert "data" in told[0]
    assert "srv" not in told[0]
    assert toasts(app.run()) == []


def _fail(queue: Queue, reason: str) -> None:
    from runner.queue.identity import this_process

    queue.register("worker-1", this_process())
    claim = queue.claim("worker-1")
    assert claim is not None
    queue.end(claim.job.job_id, claim.attempt, outcome="failed", reason=reason, exit_code=2)


def test_the_newest_decision_is_the_first_thing_on_the_overview(store: Store, app: AppTest) -> None:
    assert "**demo\\-a**: nothing decided yet, because no run has finished (3 still to come)." in shown_text(app)
    end(store, "finished", "finished", "finished")

    first = next(line.value for line in app.run().main.markdown if "demo" in line.value)
    assert first.startswith(":material/gavel: **demo\\-a**: the best learning rate tried is **4e-4**; how sure")


def test_a_very_large_sweep_says_where_its_probability_stands(
    store: Store, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(store, "finished", "finished", "finished")
    monkeypatch.setattr(_decision_line, "_MOST_RANKED", 2)

    first = next(line.value for line in app.run().main.markdown if "demo" in line.value)
    assert "P(best) stands on the page Best configuration" in first
