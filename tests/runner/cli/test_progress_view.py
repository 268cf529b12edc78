"""What a sweep says while it runs."""

import time

import pytest

from runner.cli.progress_view import PlainView, TerminalView
from runner.evaluation.progress import ScoringProgress
from runner.sweep_progress import RunProgress, SweepProgress


def progress() -> SweepProgress:
    run = RunProgress("a-s0", "lr 1e-3", n_steps=20, tokens_per_step=300, started=time.monotonic() - 10, step=5)
    run.train_loss, run.lr_now = 2.5, 5e-4
    return SweepProgress("demo", n_runs=3, total_tokens=9000, done_tokens=1500, n_skipped=1, running={"a-s0": run})


def test_speed_and_time_left_follow_from_the_steps() -> None:
    run = RunProgress("a-s0", "lr 1e-3", n_steps=20, tokens_per_step=300, started=100.0)
    assert run.tokens_per_s(110.0) is None
    assert run.left_s(110.0) is None
    run.step = 5
    assert run.tokens_per_s(110.0) == pytest.approx(150)
    assert run.left_s(110.0) == pytest.approx(30)


def test_plain_lines_come_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView(every_s=3600) as view:
        state = progress()
        view.changed(state)
        view.changed(state)
        view.run_ended(state.running["a-s0"], "diverged", "non-finite loss at step 4")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "1 of 3 runs done" in said[0]
    assert "5/20" in said[0]
    assert said[1] == "diverged: lr 1e-3, 5 steps, eval loss \u2013 (non-finite loss at step 4)"


def test_a_terminal_shows_a_line_per_running_trial(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    with TerminalView() as view:
        view.changed(progress())
        time.sleep(0.4)  # a redraw
    said = capsys.readouterr().out
    for text in ("demo: 1 of 3 runs done", "lr 1e-3", "5/20", "2.5000", "5e-4", "tokens/s", "left"):
        assert text in said


def test_a_benchmark_under_way_says_how_far_it_is_and_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    scoring = ScoringProgress("skills-dates", 2, 6, 9)
    view = PlainView(every_s=0)
    view.scoring(scoring)
    scoring.n_done, scoring.n_all, scoring.started = 250, 1000, time.monotonic() - 20
    view.scoring(scoring)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "skills-dates (2 of 6 benchmarks, 9 models): preparing"
    assert second == "skills-dates (2 of 6 benchmarks, 9 models): 250 of 1,000 answers, 1:00 left"


def test_a_terminal_shows_a_bar() -> None:
    with TerminalView() as view:
        view.scoring(ScoringProgress("skills-dates", 2, 6, 9))
        view.scoring(ScoringProgress("skills-dates", 2, 6, 9, n_done=5, n_all=10))
