"""The status file and the control file of `ucurve sweep`: what a watching process sees, and what it can ask."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.store import Store
from runner.errors import EnvironmentProblem
from runner.job_files import JobControl, JobStatus
from runner.spec import load_sweep_spec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_control import ControlFile
from runner.sweep_progress import NoView, RunProgress, SweepProgress
from runner.sweep_status import StatusView, announce


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Listener(NoView):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def read(path: Path) -> JobStatus:
    return JobStatus.model_validate_json(path.read_bytes())


def progress(done: int) -> SweepProgress:
    run = RunProgress("a-s0", "lr 1e-3", n_steps=20, tokens_per_step=300, started=0.0, step=5, train_loss=math.nan)
    return SweepProgress(
        "tiny", 3, total_tokens=9000, done_tokens=done, running={"a-s0": run}, ended=["finished"], device="cpu:x"
    )


def test_the_file_is_written_once_a_second_and_at_every_new_phase(tmp_path: Path) -> None:
    path, clock = tmp_path / "status.json", Clock()
    announce(path, "tiny")
    assert (read(path).phase, read(path).n_runs) == ("preparing", 0)
    view = StatusView(NoView(), path, "tiny", clock=clock)
    view.changed(progress(0))
    first = read(path)
    assert (first.phase, first.counts, first.tokens_per_s) == ("training", {"finished": 1}, None)
    assert (first.running[0].step, first.running[0].train_loss) == (5, None)  # NaN is no JSON
    clock.now += 0.5
    view.changed(progress(300))
    assert read(path) == first
    clock.now += 1.5
    view.changed(progress(3000))
    assert read(path).tokens_per_s == pytest.approx(3000 / 2)
    assert read(path).left_s == pytest.approx(6000 / 1500)
    for _ in range(60):  # a pause: only about the last half minute counts
        clock.now += 1
        view.changed(progress(3000))
    assert read(path).tokens_per_s == 0
    assert read(path).left_s is None
    view.say("hello")
    assert read(path).messages == ("hello",)
    assert list(tmp_path.iterdir()) == [path]


def test_a_status_file_that_cannot_be_written_ends_nothing_but_a_wrong_name_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"nowhere/status\.json' cannot be written: No such file"):
        announce(tmp_path / "nowhere" / "status.json", "tiny")
    said = Listener()
    view = StatusView(said, tmp_path / "nowhere" / "status.json", "tiny")
    view.changed(progress(0))
    view.say("hello")
    assert [text for text in said.said if "cannot be written" in text] == said.said[:1]


def test_a_control_file_is_read_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path, said = tmp_path / "control.json", Listener()
    control = ControlFile(path, said.say)
    assert control.stop_runs() == frozenset()
    path.write_text(JobControl(stop_runs=("a",)).model_dump_json())
    assert control.stop_runs() == {"a"}
    path.write_text('{"stop_runs": ["a", "b"')
    assert control.stop_runs() == {"a"}
    assert control.stop_runs() == {"a"}
    assert len(said.said) == 1
    path.write_text(JobControl(stop_runs=("a", "b")).model_dump_json())
    assert control.stop_runs() == {"a", "b"}


def test_single_runs_stop_and_the_others_go_on(spec_file: Path, store: Store) -> None:
    sweep = prepare_sweep(load_sweep_spec(spec_file))
    first, *_, last = [p.trial.run_id for p in sweep.plan.trials]
    asked: set[str] = set()

    class Eager(NoView):
        def changed(self, progress: SweepProgress) -> None:
            if progress.running.get(first) and progress.running[first].step >= 3:
                asked.update((first, last))

    outcome = run_sweep(sweep, store, view=Eager(), stop_runs=lambda: frozenset(asked))
    rows = store.snapshot().run_rows([p.trial.run_id for p in sweep.plan.trials])
    assert outcome.counts["stopped"] == 2
    assert not outcome.is_complete
    for run_id in (first, last):
        assert (rows[run_id]["status"], rows[run_id]["status_reason"]) == ("stopped", "stopped by the user")
    assert len(store.snapshot().curves([first], "train_loss")) == 3
    assert store.snapshot().curves([last], "train_loss").empty
    assert {row["status"] for row in rows.values()} <= {"stopped", "finished", "diverged"}

    again = run_sweep(sweep, store, view=NoView(), stop_runs=lambda: frozenset(asked))
    assert (again.n_skipped, again.counts["stopped"]) == (4, 2)
    assert store.snapshot().run_rows([first])[first]["attempt"] == 1
    freed = run_sweep(sweep, store, view=NoView())
    assert freed.is_complete


def test_the_command_line_writes_and_reads_them(spec_file: Path, tmp_path: Path) -> None:
    status, control = tmp_path / "status.json", tmp_path / "control.json"
    spec_file.write_text(spec_file.read_text().replace("tokens: 240", "tokens: 6000").replace("65536", "8"))
    plan = prepare_sweep(load_sweep_spec(spec_file)).plan
    command = [sys.executable, "-m", "runner.cli", "sweep", spec_file, "--store", tmp_path / "s", "--json"]
    files = ["--status-file", status, "--control-file", control]
    process = subprocess.Popen([*map(str, [*command, *files])], stdout=subprocess.PIPE, text=True)
    try:
        _wait_for(lambda: status.exists() and read(status).running, process)
        stopped = read(status).running[0].run_id
        draft = tmp_path / "draft"
        draft.write_text(JobControl(stop_runs=(stopped,)).model_dump_json())
        draft.replace(control)
        _wait_for(lambda: read(status).counts.get("stopped") == 1, process)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    outcome = json.loads(printed)
    last = read(status)
    assert (last.phase, last.n_runs, last.running) == ("done", len(plan.trials), ())
    assert last.counts["stopped"] == outcome["n_stopped"] >= 1
    assert any("at most 4096 tokens a pass" in text for text in last.messages)


def _wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
