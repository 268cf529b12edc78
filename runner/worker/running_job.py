"""One attempt at a job, from its process to a verdict: watched, limited, and stopped when somebody asks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from runner.job_files import JobControl
from runner.queue.queue import Queue
from runner.worker.command import CONTROL
from runner.worker.files import write_whole
from runner.worker.kernel import out_of_memory_kills
from runner.worker.process import JobProcess
from runner.worker.verdict import Ending, Verdict, judge, judge_stopped

Why = Literal["person", "worker", "limit"]
_LOOK_EVERY_S: Final = 1.0
_HOUR_S: Final = 3600.0


class RunningJob:
    """A job's process with what is asked of it.

    Args:
        queue: Where requests come from.
        job_id: The job.
        process: Its process.
        folder: Of this attempt.
        most_hours: Hours that the attempt may take; None: no limit.
    """

    def __init__(
        self, queue: Queue, job_id: str, process: JobProcess, folder: Path, *, most_hours: float | None
    ) -> None:
        self._queue, self._job_id, self._process, self._folder = queue, job_id, process, folder
        self._most_hours = most_hours
        self._started = time.monotonic()  # the sleep of a laptop does not count
        self._look_at = self._started
        self._stop_runs = _read_stops(folder)
        self._kills_before = out_of_memory_kills()
        self.why_stopped: Why | None = None

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, or does not end even when killed."""
        return bool(self._process.hangs) or self._process.has_ended()

    def ask_stop(self, why: Why) -> None:
        """Asks the process to stop, as a clean end; the first reason counts."""
        self.why_stopped = self.why_stopped or why

    def kill(self, why: Why) -> None:
        """Ends the process at once."""
        self.ask_stop(why)
        self._process.kill()

    def tick(self) -> bool:
        """Does what is due now; call it several times a second. Returns whether it was time to look at memory."""
        if self.why_stopped is not None:
            self._process.stop()
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        self._process.sample()
        if self._most_hours is not None and time.monotonic() - self._started > self._most_hours * _HOUR_S:
            self.ask_stop("limit")
        return True

    def answer_requests(self) -> None:
        """Begins what people ask for.

        Raises:
            UcurveError: the queue cannot be read or written now; the next call goes on.
            OSError: the attempt's folder cannot be written now.
        """
        for request in self._queue.open_requests(self._job_id):
            if request.run_id is not None:
                self._stop_run(request.run_id)
                self._queue.close_request(request, "done")
            else:  # it stays open, so that everybody sees that the job is stopping; the end closes it
                self.ask_stop("person")

    def verdict(self, code: int | None) -> Verdict:
        """How the attempt ended, from the exit code of the process, of which nothing is left."""
        kills = out_of_memory_kills()
        ending = Ending(
            exit_code=code,
            result=self._process.result,
            last_line=self._process.last_line,
            last_bytes=self._process.last_bytes,
            n_memory_kills=None if kills is None or self._kills_before is None else kills - self._kills_before,
            hangs=tuple(self._process.hangs),
        )
        if self.why_stopped is None:
            return judge(ending)
        verdict = judge_stopped(ending)
        if self.why_stopped == "limit" and verdict.outcome == "stopped":
            allowed = f"{self._most_hours:g} h that limits.most_hours of the site file allows"
            verdict = Verdict("failed", f"it took longer than the {allowed}; what it had stored stays")
        return verdict

    def _stop_run(self, run_id: str) -> None:
        self._stop_runs = (*self._stop_runs, run_id)
        write_whole(self._folder / CONTROL, JobControl(stop_runs=self._stop_runs).model_dump_json())


def take_over_stops(before: Path, folder: Path) -> None:
    """Runs that were taken out of the attempt before stay out of the next; else a restart would train them again."""
    if stops := _read_stops(before):
        write_whole(folder / CONTROL, JobControl(stop_runs=stops).model_dump_json())


def _read_stops(folder: Path) -> tuple[str, ...]:
    try:
        return JobControl.model_validate_json((folder / CONTROL).read_bytes()).stop_runs
    except (OSError, ValidationError):
        return ()
