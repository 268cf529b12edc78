"""The worker's loop: claim a job, run it, say how it ended, and take the next."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors import UcurveError
from runner.access.site import load_site
from runner.errors import EnvironmentProblem
from runner.queue.identity import this_process
from runner.queue.leases import BEAT_EVERY_S
from runner.queue.queue import Queue
from runner.worker.alerting import send_alert
from runner.worker.attempt import Attempt, Bench
from runner.worker.command import MakeCommand, sweep_command
from runner.worker.family import end_all, mark_of, orphans
from runner.worker.kernel import adopt_orphans, check_platform
from runner.worker.left_runs import say_ended
from runner.worker.process import PATIENCE_S, Patience
from runner.worker.reaper import start_reaper
from runner.worker.signals import Asked, listening
from runner.worker.space import missing_space

_LOOK_EVERY_S: Final = 0.5
_POLL_EVERY_S: Final = 2.0
"""Our choices: a look costs about a millisecond."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        once: End after one job, or when there is none.
        until_idle: End when there is no job left.
        device: The only CUDA device that its jobs see; None: all that the worker sees.
        may_end: Asked when there is nothing to do: whether the worker may end.
        make_command: What does a job.
        patience_s: Signals that ask a job to stop, with seconds to wait after each.
    """

    once: bool = False
    until_idle: bool = False
    device: int | None = None
    may_end: Callable[[], bool] = _never
    make_command: MakeCommand = sweep_command
    patience_s: Patience = PATIENCE_S


class Worker:
    """Does the jobs of one queue, one after the other, until it is asked to end.

    Args:
        queue: The queue.
        store: Folder of the store that jobs write to.
        options: How to work.
        say: Takes sentences for people.
    """

    def __init__(self, queue: Queue, store: Path, options: WorkerOptions, say: Callable[[str], None]) -> None:
        self._queue, self._store, self._options, self._speak = queue, store, options, say
        self._process = this_process()
        self._id = f"worker-{secrets.token_hex(4)}"
        self._said: str | None = None
        self._beat_at = 0.0
        self._n_failed = 0

    def run(self) -> int:
        """Works until there is a reason to end; returns how many of the jobs failed.

        Raises:
            UcurveError: this machine or the queue cannot be used; with `once` or `until_idle` also what a lasting
                worker would wait for, such as room on the disk.
        """
        check_platform()
        adopt_orphans()
        end_all(orphans)
        with listening() as asked, self._bench(asked) as bench, self._registered():
            self._say(f"{self._id} takes jobs of {str(self._queue.folder)!r}{self._on_device()}")
            self._work(asked, bench)
            self._say(f"{self._id} ends")
        return self._n_failed

    def _work(self, asked: Asked, bench: Bench) -> None:
        while not asked.to_end:
            is_done = self._take_one(bench)
            if self._options.once or (not is_done and (self._options.until_idle or self._options.may_end())):
                return
            if not is_done:
                self._rest(asked)

    def _take_one(self, bench: Bench) -> bool:
        """Does the next job; returns False when there is none, or none can be done now."""
        try:
            site = load_site()
            obstacle = missing_space((self._store, self._queue.folder), site.limits.least_free_bytes)
            self._queue.explain_wait(obstacle)
            if obstacle is not None:
                raise EnvironmentProblem(obstacle)
            self._recover()
            claim = self._queue.claim(self._id, self._hear_refused)
        except UcurveError as problem:
            if self._options.once or self._options.until_idle:
                raise
            self._say(str(problem))
            return False
        if claim is None:
            return False
        self._say(f"{claim.job.job_id}, attempt {claim.attempt}, begins")
        self._n_failed += not Attempt(bench, claim, site).run()
        send_alert(self._queue, self._store, claim.job.job_id, self._say)
        return True

    def _hear_refused(self, job_id: str, problem: str) -> None:
        self._n_failed += 1
        self._say(f"{job_id} is refused: {problem}")

    def _recover(self) -> None:
        for lost in self._queue.recover():
            self._say(f"{lost.job_id}, attempt {lost.attempt}, lost: {lost.reason}")
            job = None if lost.state == "queued" else self._queue.job(lost.job_id)
            if job is not None:
                end_all(orphans)  # while one of its processes lives, it holds the sweep
                say_ended(self._store, job.order.sweep_id, self._say)
                send_alert(self._queue, self._store, lost.job_id, self._say)

    def _rest(self, asked: Asked) -> None:
        """Waits until the queue has changed, or it is time to look whether a worker died; beats meanwhile."""
        version, until = self._version(), time.monotonic() + _POLL_EVERY_S
        while not asked.to_end and time.monotonic() < until and self._version() == version:
            time.sleep(_LOOK_EVERY_S)
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + BEAT_EVERY_S
            try:
                self._queue.beat(self._id)
            except UcurveError as problem:
                self._say(str(problem))

    def _version(self) -> int | None:
        try:
            return self._queue.version()
        except UcurveError:
            return None

    @contextmanager
    def _bench(self, asked: Asked) -> Iterator[Bench]:
        mark = mark_of(self._process)
        reaper = start_reaper(mark)
        try:
            yield Bench(
                queue=self._queue,
                store=self._store,
                worker_id=self._id,
                mark=mark,
                reaper=reaper.pid,
                device=self._options.device,
                make_command=self._options.make_command,
                patience_s=self._options.patience_s,
                asked=asked,
                say=self._say,
            )
        finally:
            reaper.communicate()  # closes its input: it looks once more, and ends

    @contextmanager
    def _registered(self) -> Iterator[None]:
        self._queue.register(self._id, self._process, self._on_device().strip() or None)
        try:
            yield
        finally:
            with suppress(UcurveError):  # a dead process is no worker, signed off or not
                self._queue.unregister(self._id)

    def _on_device(self) -> str:
        return "" if self._options.device is None else f" on CUDA device {self._options.device}"

    def _say(self, text: str) -> None:
        """Says a sentence; the same one again is nothing new."""
        if text != self._said:
            self._said = text
            self._speak(text)
