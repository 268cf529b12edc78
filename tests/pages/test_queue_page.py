"""The page Queue (and Audit) over real queues in every state, for every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages._queue_actions import move_first, retry, stop_job, stop_run
from pages._queue_files import MOST_LINES, read_log_end, read_status
from pages._queue_running import progress_text, share_of
from runner.access.authority import Authority
from runner.access.served import serving_under
from runner.job_files import JobStatus
from runner.queue.queue import Queue
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.launching import ANNA, HOSTILE, OWNER, FakeEstimator, begin, end, sign_in, submit, use_estimator


@pytest.fixture(autouse=True)
def _no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    use_estimator(FakeEstimator(state="running"), monkeypatch)


@pytest.fixture
def owner() -> Iterator[None]:
    with serving_under(Authority.local()):
        yield


@pytest.fixture
def store(stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(stores, "new", tmp_path / "new")
    return tmp_path / "new"


def _states(store: Path) -> dict[str, str]:
    return {job.order.sweep_id: job.state for job in Queue.open(store).jobs()}


def _all_buttons(app: AppTest) -> dict[str, bool]:
    return {str(button.key): bool(button.disabled) for button in app.button}


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("state", ["missing", "empty", "one_run", "half_finished", "mixed"])
def test_an_empty_queue_says_what_to_do_and_makes_nothing(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("UCURVE_QUEUE", str(tmp_path / "queue"))  # other tests look at these stores too
    app = open_page(state, "Queue")
    assert not app.exception
    assert not app.error
    assert "Nothing has been launched yet" in shown_text(app)
    assert "ucurve worker --store" in shown_text(app)
    assert not (tmp_path / "queue").exists()


@pytest.mark.usefixtures("owner")
def test_a_running_job_is_shown_with_speed_memory_and_log(open_page: OpenPage, store: Path) -> None:
    submit(store)
    begin(store)
    app = open_page("new", "Queue")
    assert not app.exception
    text = shown_text(app).replace("\\", "")
    for words in (
        "running",
        "1 min",
        "125/s",
        "3 GiB",
        "88%",
        "2 of 4 runs done, 2 training, 1 diverged",
        "worker-1",
    ):
        assert words in text
    (log,) = [code.value for code in app.code if "shown" in code.value]
    assert "hidden" not in log
    assert "\x1b" not in log
    assert "\u202e" not in log
    assert "No worker is running" not in text


@pytest.mark.usefixtures("owner")
def test_what_a_process_or_a_person_wrote_is_inert(open_page: OpenPage, store: Path) -> None:
    submit(store)
    begin(store)
    app = open_page("new", "Queue")
    for kind in ("markdown", "caption", "info", "warning", "error"):
        for element in getattr(app, kind):
            assert "<img" not in element.value.replace("\\<img", "")
            assert "](http" not in element.value
            assert ":red[" not in element.value


@pytest.mark.usefixtures("owner")
def test_jobs_are_arranged_stopped_and_done_again(open_page: OpenPage, store: Path) -> None:
    first, second = submit(store, "first"), submit(store, "second")
    app = open_page("new", "Queue")
    assert "Queued: 2" in [each.value for each in app.subheader]
    assert app.button(key=f"queue-first-{first}").disabled
    app.button(key=f"queue-first-{second}").click().run()
    assert [job.order.sweep_id for job in Queue.open(store).jobs()] == ["second", "first"]
    app.button(key=f"queue-stop-{first}").click().run()
    assert _states(store) == {"second": "queued", "first": "stopped"}
    assert not app.exception
    app.button(key=f"queue-retry-{first}").click().run()
    app.run()
    assert sorted(job.state for job in Queue.open(store).jobs()) == ["queued", "queued", "stopped"]
    assert not app.exception


@pytest.mark.usefixtures("owner")
def test_a_retry_that_is_pressed_twice_is_one_job(open_page: OpenPage, store: Path) -> None:
    job_id = submit(store)
    stop_job_as_owner(store, job_id)
    open_page("new", "Queue")
    for _ in range(3):
        retry(job_id, "one-key")
    assert len(Queue.open(store).jobs()) == 2


def stop_job_as_owner(store: Path, job_id: str) -> None:
    Queue.open(store, authority=Authority.local()).ask_stop(job_id, OWNER)


@pytest.mark.usefixtures("owner")
def test_stopping_a_running_sweep_and_one_of_its_trials_asks_the_worker(open_page: OpenPage, store: Path) -> None:
    job_id = submit(store)
    begin(store)
    app = open_page("new", "Queue")
    app.button(key=f"queue-stop-run-{job_id}").click().run()
    assert not app.exception
    app.button(key=f"queue-stop-{job_id}").click().run()
    asked = Queue.open(store, authority=Authority.local()).open_requests(job_id)
    assert [(request.kind, request.run_id) for request in asked] == [("stop_run", "run-1"), ("stop", None)]
    assert "stopping" in shown_text(app)


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("outcome", "reason"), [("finished", None), ("failed", f"no memory {HOSTILE}"), ("stopped", "x")]
)
def test_an_ended_job_says_how_it_ended(open_page: OpenPage, store: Path, outcome: str, reason: str | None) -> None:
    submit(store)
    end(store, begin(store), outcome, reason)
    app = open_page("new", "Queue")
    assert not app.exception
    assert "Ended: 1" in [each.value for each in app.subheader]
    text = shown_text(app)
    assert outcome in text
    assert "1 GiB" in str([frame.value.to_dict() for frame in app.dataframe])
    assert any("learning_rate: [1e-4, 1e-3]" in code.value for code in app.code)
    if outcome != "finished":
        assert str(reason)[:7] in text


@pytest.mark.usefixtures("owner")
def test_clone_and_edit_opens_launch_and_starts_nothing(open_page: OpenPage, store: Path) -> None:
    job_id = submit(store, "cloned")
    app = open_page("new", "Queue")
    app.button(key=f"queue-clone-{job_id}").click().run()
    assert not app.exception
    assert app.title[0].value == "Launch"
    assert "name: cloned" in str(app.text_area(key="launch-yaml").value)
    assert len(Queue.open(store).jobs()) == 1


def test_a_viewer_sees_all_and_can_press_nothing(open_page: OpenPage, store: Path) -> None:
    queued, ended = submit(store, "queued"), submit(store, "ended")
    running = submit(store, "running")
    with serving_under(Authority.local()):
        move_as_owner(store, running)
    begin(store)
    stop_job_as_owner(store, ended)
    with serving_under(Authority.viewing()):
        app = open_page("new", "Queue")
        assert not app.exception
        buttons = _all_buttons(app)
        assert {key for key, disabled in buttons.items() if not disabled and key.startswith("queue-")} <= {
            f"queue-clone-{queued}",
            f"queue-clone-{ended}",
            f"queue-stop-{running}",  # in a popover that does not open, and refused: see below
            f"queue-stop-run-{running}",
        }
        assert "ucurve app" in shown_text(app)
        before = _states(store)
        stop_job(running)
        stop_job(queued)
        move_first(queued)
        retry(ended, "k")
        stop_run(running, f"queue-trial-{running}")
        assert _states(store) == before
        assert Queue.open(store, authority=Authority.local()).open_requests(running) == []


def move_as_owner(store: Path, job_id: str) -> None:
    Queue.open(store, authority=Authority.local()).move_first(job_id, OWNER)


@pytest.mark.parametrize(("role", "is_stopped"), [("viewer", False), ("launcher", False), ("admin", True)])
def test_what_others_launched_is_for_admins(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, *, is_stopped: bool
) -> None:
    job_id = submit(store)
    with serving_under(sign_in(ANNA, role, tmp_path, monkeypatch)):
        app = open_page("new", "Queue")
        assert not app.exception
        assert app.button(key=f"queue-stop-{job_id}").disabled is not is_stopped
        stop_job(job_id)
        assert (_states(store)["tiny"] == "stopped") is is_stopped


def test_a_launcher_stops_what_is_theirs(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = sign_in(ANNA, "launcher", tmp_path, monkeypatch)
    with serving_under(authority):
        job_id = submit(store, person=ANNA, authority=authority)
        app = open_page("new", "Queue")
        assert "Anna" in shown_text(app)
        assert "<b>" not in shown_text(app).replace("\\<b", "")
        app.button(key=f"queue-stop-{job_id}").click().run()
        assert _states(store) == {"tiny": "stopped"}


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"sweep_id": 3}', b"\xff\xfe", b"x" * 5_000_000])
def test_a_damaged_status_file_is_no_status(open_page: OpenPage, store: Path, content: bytes) -> None:
    submit(store)
    job = begin(store)
    folder = Queue.open(store).job_folder(job.job_id, 1)
    (folder / "status.json").write_bytes(content)
    assert read_status(folder) is None
    app = open_page("new", "Queue")
    assert not app.exception
    assert "has not said anything yet" in shown_text(app)


def test_a_log_is_capped_and_cut_at_its_end(tmp_path: Path) -> None:
    assert read_log_end(tmp_path) == ""
    (tmp_path / "log.txt").write_bytes(
        b"\xff" * 100 + b"x" * 1_000_000 + b"\n" + b"".join(b"%d\n" % n for n in range(999))
    )
    lines = read_log_end(tmp_path).splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[-1] == "998"


@pytest.mark.parametrize(
    ("done", "total", "share"), [(0, 0, 0.0), (5, 10, 0.5), (20, 10, 1.0), (-5, 10, 0.0), (10**30, 1, 1.0)]
)
def test_the_share_that_is_done_is_a_share(done: int, total: int, share: float) -> None:
    status = JobStatus(sweep_id="a", phase="training", n_runs=1, done_tokens=done, total_tokens=total, updated_at=0)
    assert share_of(status) == share
    assert progress_text(status).startswith("Training: 0 of 1 run done")


def test_the_audit_log_is_for_admins(
    open_page: OpenPage, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(store)
    with serving_under(sign_in(ANNA, "launcher", tmp_path, monkeypatch)):
        app = open_page("new", "Audit")
        assert not app.exception
        assert not app.dataframe
        assert "admin" in app.error[0].value
    with serving_under(sign_in(ANNA, "admin", tmp_path, monkeypatch)):
        app = open_page("new", "Audit")
        assert not app.exception
        assert not app.error
        (table,) = [frame.value for frame in app.dataframe]
        assert "submit" in table["what"].tolist()  # and that Anna signed in, where no test before saw her


@pytest.mark.usefixtures("owner")
def test_an_empty_audit_log_says_so(open_page: OpenPage) -> None:
    app = open_page("missing", "Audit")
    assert not app.exception
    assert "Nobody has" in shown_text(app)
