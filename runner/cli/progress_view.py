"""A sweep's progress: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runner.cli.output import DASH, make_console

if TYPE_CHECKING:
    from runner.evaluation.progress import ScoringProgress
    from runner.sweep_progress import RunProgress, SweepProgress

PLAIN_EVERY_S: Final = 15.0
"""Seconds between two lines in a log (our choice: a six-minute demo gives two dozen)."""


class TerminalView:
    """One line per running trial, redrawn in place; ended trials scroll up. A context manager."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._live = Live(console=make_console(), refresh_per_second=4, transient=True)

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Prints a sentence above the table."""
        self._live.console.print(Text(text, style="dim"))

    def changed(self, progress: SweepProgress) -> None:
        """Redraws the table."""
        self._clock.start()
        self._live.update(_running_table(progress, self._clock))

    def run_ended(self, run: RunProgress, status: str, reason: str | None) -> None:
        """Leaves a line behind."""
        style = "green" if status == "finished" else "yellow"
        self._live.console.print(Text(_end_line(run, status, reason), style=style))

    def scoring(self, progress: ScoringProgress) -> None:
        """Redraws the bar."""
        self._live.update(_scoring_bar(progress))


class PlainView:
    """Lines on standard error: ends of trials at once, the state of all every few seconds. A context manager."""

    def __init__(self, every_s: float = PLAIN_EVERY_S) -> None:
        self._every_s = every_s
        self._clock = _Clock()
        self._said_at: float | None = None

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def say(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def changed(self, progress: SweepProgress) -> None:
        """One line, if the last was long enough ago."""
        now = self._clock.start()
        if self._said_at is not None and now - self._said_at < self._every_s:
            return
        self._said_at = now
        steps = ", ".join(f"{run.step}/{run.n_steps}" for run in progress.running.values())
        self.say(f"{_headline(progress, self._clock)}; steps of the running trials: {steps or DASH}")

    def run_ended(self, run: RunProgress, status: str, reason: str | None) -> None:
        """One line."""
        self.say(_end_line(run, status, reason))

    def scoring(self, progress: ScoringProgress) -> None:
        """One line, if the last was long enough ago."""
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= self._every_s:
            self._said_at = now
            self.say(_scoring_line(progress))


def make_view() -> TerminalView | PlainView:
    """The view that fits where standard output and error go."""
    return TerminalView() if sys.stdout.isatty() and sys.stderr.isatty() else PlainView()


class _Clock:
    """Seconds since training began to be reported, so that loading the model does not count."""

    def __init__(self) -> None:
        self._started: float | None = None

    def start(self) -> float:
        """Starts at the first call; returns now."""
        now = time.monotonic()
        self._started = self._started if self._started is not None else now
        return now

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first start."""
        return time.monotonic() - self._started if self._started is not None else 0.0


def _headline(progress: SweepProgress, clock: _Clock) -> str:
    n_done = len(progress.ended) + progress.n_skipped
    speed = progress.done_tokens / clock.elapsed_s if clock.elapsed_s > 1 else 0.0
    left_s = (progress.total_tokens - progress.done_tokens) / speed if speed else None
    eta = DASH if left_s is None else duration(max(left_s, 0.0))
    return (
        f"{progress.sweep_id}: {n_done} of {progress.n_runs} runs done, {speed:,.0f} tokens/s, "
        f"{duration(clock.elapsed_s)} so far, {eta} left"
    )


def _running_table(progress: SweepProgress, clock: _Clock) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=_headline(progress, clock), title_justify="left")
    table.add_column("running trial", no_wrap=True)
    for header in ("step", "train loss", "eval loss", "LR now", "tokens/s", "left"):
        table.add_column(header, justify="right", no_wrap=True)
    for run in progress.running.values():
        now, left_s = time.monotonic(), run.left_s(time.monotonic())
        table.add_row(
            run.name,
            f"{run.step}/{run.n_steps}",
            _number(run.train_loss, ".4f"),
            _number(run.eval_loss, ".4f"),
            DASH if run.lr_now is None else _rate(run.lr_now),
            _number(run.tokens_per_s(now), ",.0f"),
            DASH if left_s is None else duration(left_s),
        )
    return table


def _scoring_bar(progress: ScoringProgress) -> Table:
    bar = ProgressBar(total=progress.n_all or None, completed=progress.n_done, width=40, pulse=not progress.n_all)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(_scoring_name(progress)), bar, Text(_scoring_state(progress)))
    return grid


def _scoring_line(progress: ScoringProgress) -> str:
    return f"{_scoring_name(progress)}: {_scoring_state(progress)}"


def _scoring_name(progress: ScoringProgress) -> str:
    return f"{progress.benchmark} ({progress.place} of {progress.n_benchmarks} benchmarks, {progress.n_slots} models)"


def _scoring_state(progress: ScoringProgress) -> str:
    if not progress.n_all:
        return "preparing"
    left_s = progress.left_s(time.monotonic())
    eta = DASH if left_s is None else duration(left_s)
    return f"{progress.n_done:,} of {progress.n_all:,} answers, {eta} left"


def _end_line(run: RunProgress, status: str, reason: str | None) -> str:
    why = f" ({reason})" if reason else ""
    return f"{status}: {run.name}, {run.step} steps, eval loss {_number(run.eval_loss, '.4f')}{why}"


def _rate(learning_rate: float) -> str:
    from analysis.number_format import format_tried_lr

    return format_tried_lr(learning_rate) if learning_rate > 0 else "0"


def _number(value: float | None, form: str) -> str:
    return DASH if value is None else format(value, form)


def duration(seconds: float) -> str:
    """`2:05`, or `1:02:05` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
