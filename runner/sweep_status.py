"""A sweep's status file: the same progress that a terminal shows, for another process to watch."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.errors import EnvironmentProblem
from runner.job_files import JobStatus, Phase, RunStatus

if TYPE_CHECKING:
    from runner.evaluation.progress import ScoringProgress
    from runner.sweep import SweepOutcome
    from runner.sweep_progress import ProgressView, RunProgress, SweepProgress

WRITE_EVERY_S: Final = 1.0
_SPEED_OVER_S: Final = 30.0
_MOST_MESSAGES: Final = 20


def announce(path: Path, sweep_id: str) -> None:
    """Writes a first status, before anything slow begins.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    try:
        _replace(path, JobStatus(sweep_id=sweep_id, phase="preparing", n_runs=0, updated_at=time.time()))
    except OSError as problem:
        raise EnvironmentProblem(
            f"the status file '{path}' cannot be written: {problem.strerror}; name a file in a folder that is there"
        ) from problem


class StatusView:
    """A progress view that keeps the status file up to date, and passes everything on to another view.

    A file that cannot be written ends nothing: the first failure is said, to people only.

    Args:
        inner: The view that people look at.
        path: The status file.
        sweep_id: The sweep.
        clock: Monotonic seconds.
    """

    def __init__(
        self, inner: ProgressView, path: Path, sweep_id: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner, self._path, self._clock = inner, path, clock
        self._status = JobStatus(sweep_id=sweep_id, phase="preparing", n_runs=0, updated_at=time.time())
        self._messages: deque[str] = deque(maxlen=_MOST_MESSAGES)
        self._speed = _Speed()
        self._written_at = -WRITE_EVERY_S
        self._has_failed = False
        self._lock = threading.Lock()  # scoring is reported from several threads

    def say(self, text: str) -> None:
        """Keeps the sentence for the file."""
        self._inner.say(text)
        with self._lock:
            self._messages.append(text)
            self._write(self._status)

    def changed(self, progress: SweepProgress) -> None:
        """Writes the file, if the last writing is long enough ago."""
        self._inner.changed(progress)
        now = self._clock()
        self._speed.note(now, progress.done_tokens)
        with self._lock:
            if self._status.phase == "preparing" or now - self._written_at >= WRITE_EVERY_S:
                self._write(_training(self._status, progress, self._speed.tokens_per_s))

    def run_ended(self, run: RunProgress, status: str, reason: str | None) -> None:
        """Passed on; the next step, or the next phase, writes it."""
        self._inner.run_ended(run, status, reason)

    def scoring(self, progress: ScoringProgress) -> None:
        """Writes the phase, once."""
        self._inner.scoring(progress)
        with self._lock:
            if self._status.phase != "scoring":
                self._write(_without_runs(self._status, "scoring"))

    def done(self, outcome: SweepOutcome) -> None:
        """Writes how the sweep ended."""
        ended = {"n_runs": outcome.n_runs, "n_skipped": outcome.n_skipped, "counts": dict(outcome.counts)}
        with self._lock:
            self._write(_without_runs(self._status, "done").model_copy(update=ended))

    def _write(self, status: JobStatus) -> None:
        self._status = status.model_copy(update={"updated_at": time.time(), "messages": tuple(self._messages)})
        self._written_at = self._clock()
        try:
            _replace(self._path, self._status)
        except OSError as problem:
            if not self._has_failed:
                self._has_failed = True
                self._inner.say(f"the status file '{self._path}' cannot be written: {problem.strerror}")


def _replace(path: Path, status: JobStatus) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.inprogress")
    draft.write_text(status.model_dump_json(), encoding="utf-8")
    draft.replace(path)


class _Speed:
    """Tokens per second over about the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, n_tokens: int) -> None:
        """So many tokens were done at this time; within a second only the first counts."""
        if not self._seen or now - self._seen[-1][0] >= WRITE_EVERY_S:
            self._seen.append((now, n_tokens))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _SPEED_OVER_S:
            self._seen.popleft()

    @property
    def tokens_per_s(self) -> float | None:
        """None before two looks."""
        if len(self._seen) < 2:
            return None
        (start, before), (stop, after) = self._seen[0], self._seen[-1]
        return (after - before) / (stop - start)


def _training(status: JobStatus, progress: SweepProgress, tokens_per_s: float | None) -> JobStatus:
    left = max(progress.total_tokens - progress.done_tokens, 0)
    memory, utilisation = _accelerator_load(progress.device)
    return status.model_copy(
        update={
            "phase": "training",
            "n_runs": progress.n_runs,
            "n_skipped": progress.n_skipped,
            "counts": dict(Counter(progress.ended)),
            "done_tokens": progress.done_tokens,
            "total_tokens": progress.total_tokens,
            "tokens_per_s": tokens_per_s,
            "left_s": left / tokens_per_s if tokens_per_s else None,
            "running": tuple(map(_run_status, progress.running.values())),
            "device": progress.device,
            "device_memory_bytes": memory,
            "device_utilisation": utilisation,
            "resumed_from": progress.resumed_from,
            "checkpoint_at": progress.checkpoint_at,
        }
    )


def _without_runs(status: JobStatus, phase: Phase) -> JobStatus:
    return status.model_copy(update={"phase": phase, "running": (), "left_s": None})


def _run_status(run: RunProgress) -> RunStatus:
    return RunStatus(
        run_id=run.run_id,
        name=run.name,
        step=run.step,
        n_steps=run.n_steps,
        train_loss=run.train_loss,
        eval_loss=run.eval_loss,
        learning_rate_now=run.lr_now,
    )


def _accelerator_load(device: str | None) -> tuple[int | None, float | None]:
    """Bytes in use and share of the time in use; None on a CPU, and for what the driver does not tell."""
    if device is None or device.startswith("cpu"):
        return None, None
    from runner.training.hardware import accelerator_load  # loaded by now, but not when the first status is written

    return accelerator_load()
