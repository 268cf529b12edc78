"""Processes that stand still (SIGSTOP, a suspended laptop) are not dead: nothing is run twice, and they go on."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Final

from runner.queue import identity, leases
from runner.worker import worker as loop
from tests.faults.bench import Bench, training_of, wait_for, work
from tests.faults.oracles import Reference, check_sentence
from tests.faults.warm import Warm

_SCALED_BEAT_S: Final = 0.1
"""Instead of `leases.BEAT_EVERY_S`: all that is about silence follows from it."""
_MINUTE_S: Final = 60.0
_STOPPED_S: Final = 3 * leases.MISSED_BEATS * _SCALED_BEAT_S


def container(name: str, store: Path) -> None:
    """A worker of another container of this machine, which sees other process numbers; time runs fast for it."""
    for module in (identity, leases):
        setattr(module, "host", lambda: name)  # noqa: B010 - mypy knows it as a function of its own
    for module in (leases, loop):
        setattr(module, "BEAT_EVERY_S", _SCALED_BEAT_S)  # noqa: B010 - a constant
    work(store, once=True)


def test_training_that_stands_still_for_a_minute_is_not_run_twice(bench: Bench, reference: Reference) -> None:
    """More than twice as long as a worker of another machine may be silent, with a worker beside it that looks."""
    bench.set_size(tokens=700)
    job_id = bench.submit()
    worker = bench.start_worker()
    training = training_of(worker)
    wait_for(lambda: (status := bench.status(job_id)) and status.checkpoint_at, "it trains")
    training.suspend()
    worker.signal(signal.SIGSTOP)
    other = bench.start_worker(once=False)
    until = time.monotonic() + _MINUTE_S
    while time.monotonic() < until:
        job = bench.job(job_id)
        assert (job.state, len(job.attempts)) == ("running", 1), other.said()
        assert not other.has_ended(), other.said()
        time.sleep(1)
    worker.signal(signal.SIGCONT)
    training.resume()
    assert worker.wait() == 0, worker.said()
    other.signal(signal.SIGTERM)
    assert other.wait() == 0, other.said()
    assert "attempt" not in other.said()  # it neither lost nor began one
    assert [each.outcome for each in bench.job(job_id).attempts] == ["finished"]
    reference.check(bench)


def test_a_silent_container_gives_way_to_another_one_and_its_sweep_runs_once(
    bench: Bench, reference: Reference
) -> None:
    """Only its beats speak for it: after five that did not come its job is another's, also when it wakes up."""
    bench.set_size(tokens=700)
    job_id = bench.submit()
    first = Warm(partial(container, "one", bench.store), bench.output(), bench.environment)
    training = training_of(first)
    wait_for(lambda: (status := bench.status(job_id)) and status.checkpoint_at, "it trains")
    first.signal(signal.SIGSTOP)
    training.suspend()
    _look_until_silent(bench, job_id)
    os.kill(training.pid, signal.SIGKILL)  # the container is ended, and so is what it held
    second = Warm(partial(container, "two", bench.store), bench.output(), bench.environment)
    training_of(second)
    first.signal(signal.SIGCONT)
    first.wait()
    assert second.wait() == 0, second.said()
    check_sentence(first.said() + second.said())
    job = bench.job(job_id)
    assert (job.state, [each.outcome for each in job.attempts]) == ("finished", ["lost", "finished"])
    reference.check(bench)


def _look_until_silent(bench: Bench, job_id: str) -> None:
    queue, until = bench.queue, time.monotonic() + _STOPPED_S
    before = leases.BEAT_EVERY_S
    leases.BEAT_EVERY_S = _SCALED_BEAT_S  # type: ignore[misc]
    try:
        while time.monotonic() < until:
            queue.recover()
            time.sleep(_SCALED_BEAT_S)
    finally:
        leases.BEAT_EVERY_S = before  # type: ignore[misc]
    job = queue.job(job_id)
    assert job is not None
    assert job.state == "queued"
