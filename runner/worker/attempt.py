"""One claimed job: its folder and process made, watched to the end, and the verdict told to the queue."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from analysis.errors import UcurveError
from runner.access.site import SiteSettings
from runner.drafts.allowed import check_allowed, check_size
from runner.queue.job import ENDED, State
from runner.queue.leases import BEAT_EVERY_S
from runner.queue.order import checked_order
from runner.queue.queue import Queue
from runner.queue.work import Claim
from runner.worker.command import RESULT, SPEC, MakeCommand
from runner.worker.environment import job_environment, redactor_of
from runner.worker.family import end_all, marked_for
from runner.worker.files import write_whole
from runner.worker.left_runs import say_ended, say_lost
from runner.worker.process import JobProcess, Patience
from runner.worker.running_job import RunningJob, take_over_stops
from runner.worker.signals import Asked
from runner.worker.verdict import Verdict

TICK_S: Final = 0.1
"""How often one looks whether a process has ended or somebody asks something (our choice)."""
_TELL_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every attempt of a worker needs.

    Attributes:
        queue: The queue.
        store: Folder of the store.
        worker_id: The worker's name in the queue.
        mark: Its mark in the environment of its jobs' processes.
        reaper: Number of the process that cleans up after the worker.
        device: The only CUDA device that jobs see; None: all that the worker sees.
        make_command: What does a job.
        patience_s: Signals that ask it to stop, with seconds to wait after each.
        asked: What the worker is asked.
        say: Takes sentences for people.
    """

    queue: Queue
    store: Path
    worker_id: str
    mark: str
    reaper: int
    device: int | None
    make_command: MakeCommand
    patience_s: Patience
    asked: Asked
    say: Callable[[str], None]


class Attempt:
    """One attempt at a job.

    Args:
        bench: What the worker has.
        claim: The job.
        site: What a job may take, and what may be trained with.
    """

    def __init__(self, bench: Bench, claim: Claim, site: SiteSettings) -> None:
        self._bench, self._claim, self._site = bench, claim, site
        self._folder = bench.queue.job_folder(claim.job.job_id, claim.attempt)
        self._beat_at = time.monotonic() + BEAT_EVERY_S
        self._is_given_up = False

    def run(self) -> bool:
        """Does the job; returns whether it came to a good end, or will be gone on with."""
        order = self._claim.job.order
        try:
            self._check_allowed()
        except UcurveError as refusal:
            return self._tell(Verdict("failed", str(refusal))) != "failed"
        try:
            process = self._start()
        except OSError as problem:
            return self._tell(Verdict("lost", f"its process could not be started: {problem.strerror}")) != "failed"
        try:
            running = self._watch(process)
        finally:
            code = process.close()  # whatever happens to this worker, nothing of the job stays
        had_last_word = process.result is not None
        if not had_last_word:
            say_lost(self._bench.store, order.sweep_id, self._bench.say)
        state = self._finish(running, process, code)
        if not had_last_word and state in ENDED:
            say_ended(self._bench.store, order.sweep_id, self._bench.say)
        return state != "failed"

    def _check_allowed(self) -> None:
        """The page has looked too, but the queue's file lies where others can write."""
        job = self._claim.job
        check = check_size if job.person.via == "command line" else check_allowed
        check(checked_order(job.order), self._site)

    def _start(self) -> JobProcess:
        job_id = self._claim.job.job_id
        end_all(lambda: marked_for(job_id))  # of an earlier attempt, whose worker died a moment ago
        self._folder.mkdir(parents=True, mode=0o750, exist_ok=True)
        write_whole(self._folder / SPEC, self._claim.job.order.spec)
        take_over_stops(self._folder.with_name(str(self._claim.attempt - 1)), self._folder)
        bench, mark = self._bench, f"{job_id}/{self._claim.attempt}"
        return JobProcess(
            bench.make_command(bench.store, self._folder),
            job_environment(os.environ, job=mark, worker=bench.mark, device=bench.device),
            self._folder,
            reaper=bench.reaper,
            redactor=redactor_of(os.environ),
            patience_s=bench.patience_s,
        )

    def _watch(self, process: JobProcess) -> RunningJob:
        running = RunningJob(
            self._bench.queue, self._claim.job.job_id, process, self._folder, most_hours=self._site.limits.most_hours
        )
        while not running.is_over:
            if self._bench.asked.to_end_at_once or self._is_given_up:
                running.kill("worker")
            elif self._bench.asked.to_end:
                running.ask_stop("worker")
            if running.tick():
                self._attend(running)
            time.sleep(TICK_S)
        return running

    def _attend(self, running: RunningJob) -> None:
        """Hears what is asked, and says that the worker lives; a queue that cannot be used now does not end the job."""
        try:
            running.answer_requests()
            if time.monotonic() >= self._beat_at:
                self._beat_at = time.monotonic() + BEAT_EVERY_S
                own = self._bench.queue.beat(self._bench.worker_id)
                self._is_given_up = own != self._claim.job.job_id  # after a long silence somebody else has it
        except (UcurveError, OSError) as problem:
            self._bench.say(str(problem))

    def _finish(self, running: RunningJob, process: JobProcess, code: int | None) -> State | None:
        verdict = running.verdict(code)
        try:
            if process.result is not None:
                write_whole(self._folder / RESULT, json.dumps(process.result))
        except OSError as problem:
            self._bench.say(f"the result of {self._claim.job.job_id} could not be kept: {problem.strerror}")
        if running.why_stopped == "worker" and verdict.outcome == "stopped":
            verdict = Verdict("stopped", "its worker was ended; the next one goes on with it")
            return self._tell(verdict, code, process.peak_bytes, put_back=True)
        return self._tell(verdict, code, process.peak_bytes)

    def _tell(
        self, verdict: Verdict, code: int | None = None, peak_bytes: int = 0, *, put_back: bool = False
    ) -> State | None:
        """Tells the queue, again and again while it cannot be written; returns what the job is now."""
        job_id, attempt = self._claim.job.job_id, self._claim.attempt
        said = f": {verdict.reason}" if verdict.reason else ""
        self._bench.say(f"{job_id}, attempt {attempt}, {verdict.outcome}{said}")
        queue = self._bench.queue
        tell = queue.put_back if put_back else partial(queue.end, outcome=verdict.outcome)
        while True:
            try:
                return tell(
                    job_id,
                    attempt,
                    reason=verdict.reason,
                    exit_code=code,
                    peak_memory_bytes=peak_bytes or None,
                )
            except UcurveError as problem:
                self._bench.say(str(problem))
            if self._bench.asked.to_end_at_once:
                return None  # the next worker finds the attempt lost and tries again: what is stored is skipped
            time.sleep(_TELL_AGAIN_S)
