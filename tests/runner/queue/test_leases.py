from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from analysis.errors import ConfigError
from runner.access.authority import Authority
from runner.queue.identity import host, identity_of, is_alive, this_process
from runner.queue.job import Job, ProcessIdentity
from runner.queue.leases import BEAT_EVERY_S, MISSED_BEATS
from runner.queue.queue import Queue
from tests.runner.queue.people import OWNER, dead_process, elsewhere, order

SILENCE_S = MISSED_BEATS * BEAT_EVERY_S


class Clock:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("runner.queue.leases.monotonic", clock)
    return clock


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def claimed_by(queue: Queue, process: ProcessIdentity, worker_id: str = "w") -> str:
    """A running job of a worker that is this process."""
    job_id = queue.submit(order(), OWNER, key=f"of-{worker_id}").job_id
    queue.register(worker_id, process)
    claim = queue.claim(worker_id)
    assert claim is not None
    return job_id


def job_of(queue: Queue, job_id: str) -> Job:
    job = queue.job(job_id)
    assert job is not None
    return job


def test_a_living_process_is_known_and_is_never_given_up(queue: Queue, clock: Clock) -> None:
    assert is_alive(this_process()) is True
    job_id = claimed_by(queue, this_process())
    for _ in range(5):
        clock.now += 100 * SILENCE_S
        assert queue.recover() == []
    assert job_of(queue, job_id).state == "running"
    assert [worker.is_alive for worker in queue.workers()] == [True]


def test_a_stopped_process_lives(queue: Queue, clock: Clock) -> None:
    with sleeper() as child:
        claimed_by(queue, identity_of(child.pid))
        os.kill(child.pid, signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        clock.now += 10 * SILENCE_S
        assert queue.recover() == []
        assert is_alive(identity_of(child.pid))


@pytest.mark.parametrize("waited_for", [False, True])
def test_a_killed_process_is_dead_at_once_also_as_a_zombie(queue: Queue, waited_for: bool) -> None:
    with sleeper() as child:
        process = identity_of(child.pid)
        job_id = claimed_by(queue, process)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | (0 if waited_for else os.WNOWAIT))
        (recovered,) = queue.recover()
    assert (recovered.job_id, recovered.attempt, recovered.state) == (job_id, 1, "queued")
    assert f"process {process.pid}" in recovered.reason
    (attempt,) = job_of(queue, job_id).attempts
    assert attempt.outcome == "lost"
    assert queue.workers() == []


@pytest.mark.parametrize("process", [dead_process(), replace(this_process(), boot_id="earlier")])
def test_a_number_that_passed_on_and_another_boot_are_dead(queue: Queue, process: ProcessIdentity) -> None:
    assert is_alive(process) is False
    job_id = claimed_by(queue, process)
    assert [(each.job_id, each.state) for each in queue.recover()] == [(job_id, "queued")]
    assert queue.recover() == []


def test_whoever_looks_finds_the_dead(queue: Queue) -> None:
    job_id = claimed_by(queue, dead_process())
    other = Queue.open(queue.folder.parent, authority=Authority.local())
    assert [(job.job_id, job.state) for job in other.jobs()] == [(job_id, "queued")]
    queue.register("w", dead_process())
    queue.claim("w")
    assert job_of(other, job_id).state == "queued"
    assert [attempt.outcome for attempt in job_of(queue, job_id).attempts] == ["lost", "lost"]


def test_a_job_is_lost_twice_and_fails_the_third_time(queue: Queue) -> None:
    first = queue.submit(order(), OWNER, key="k").job_id
    later = queue.submit(order(), OWNER, key="l").job_id
    for attempt in (1, 2, 3):
        worker_id = f"w{attempt}"
        queue.register(worker_id, dead_process())
        claim = queue.claim(worker_id)
        assert claim is not None
        assert (claim.job.job_id, claim.attempt) == (first, attempt)  # at its old place, before the later one
        (recovered,) = queue.recover()
        assert recovered.state == ("queued" if attempt < 3 else "failed")
    job = job_of(queue, first)
    assert "lost 3 times" in str(job.reason)
    assert [attempt.outcome for attempt in job.attempts] == ["lost"] * 3
    assert job_of(queue, later).state == "queued"


def test_a_worker_can_say_itself_that_its_job_was_lost(queue: Queue, worker: str) -> None:
    job_id = queue.submit(order(), OWNER, key="k").job_id
    for attempt in (1, 2, 3):
        queue.claim(worker)
        state = queue.end(job_id, attempt, outcome="lost", reason="killed by signal 9", exit_code=-9)
        assert state == ("queued" if attempt < 3 else "failed")
        assert queue.beat(worker) is None  # what it gave up itself is not given back
    assert job_of(queue, job_id).reason == "lost 3 times, the last time: killed by signal 9"


def test_a_job_that_was_to_stop_is_stopped_when_it_is_lost(queue: Queue) -> None:
    job_id = claimed_by(queue, dead_process())
    queue.ask_stop(job_id, OWNER)
    assert [each.state for each in queue.recover()] == ["stopped"]
    assert queue.open_requests(job_id) == []


def test_another_hosts_worker_is_lost_after_five_missed_beats(queue: Queue, clock: Clock) -> None:
    assert is_alive(elsewhere()) is None
    job_id = claimed_by(queue, elsewhere())
    assert queue.recover() == []
    clock.now += SILENCE_S
    assert queue.recover() == []
    queue.beat("w")
    clock.now += SILENCE_S
    assert queue.recover() == []  # the beat was heard, and it counts from then on
    clock.now += SILENCE_S
    assert queue.recover() == []
    assert [worker.is_alive for worker in queue.workers()] == [True]
    clock.now += 1
    (recovered,) = queue.recover()
    assert (recovered.job_id, recovered.state) == (job_id, "queued")
    assert "was not heard of for 25 s" in recovered.reason
    assert [worker.is_alive for worker in queue.workers()] == [False]


def test_who_looks_for_the_first_time_gives_nothing_up(queue: Queue, clock: Clock) -> None:
    claimed_by(queue, elsewhere())
    clock.now += 10 * SILENCE_S
    assert Queue.open(queue.folder.parent, authority=Authority.local()).recover() == []


def _silent(queue: Queue, clock: Clock) -> str:
    job_id = claimed_by(queue, elsewhere())
    queue.recover()
    clock.now += SILENCE_S + 1
    assert len(queue.recover()) == 1
    return job_id


def test_a_late_beat_takes_the_job_back(queue: Queue, clock: Clock) -> None:
    job_id = _silent(queue, clock)
    assert queue.beat("w") == job_id
    job = job_of(queue, job_id)
    assert job.state == "running"
    assert [(attempt.outcome, attempt.ended_at) for attempt in job.attempts] == [("running", None)]
    assert [worker.is_alive for worker in queue.workers()] == [True]
    assert queue.end(job_id, 1, outcome="finished") == "finished"


def test_a_late_end_counts_too(queue: Queue, clock: Clock) -> None:
    job_id = _silent(queue, clock)
    assert queue.end(job_id, 1, outcome="finished") == "finished"
    assert [attempt.outcome for attempt in job_of(queue, job_id).attempts] == ["finished"]


def test_a_late_beat_takes_nothing_from_another_worker(queue: Queue, worker: str, clock: Clock) -> None:
    job_id = _silent(queue, clock)
    claim = queue.claim(worker)
    assert claim is not None
    assert claim.attempt == 2
    assert queue.beat("w") is None
    assert queue.end(job_id, 1, outcome="finished") is None
    job = job_of(queue, job_id)
    assert (job.state, [attempt.outcome for attempt in job.attempts]) == ("running", ["lost", "running"])


def test_a_late_beat_revives_no_job_that_was_stopped_meanwhile(queue: Queue, clock: Clock) -> None:
    job_id = _silent(queue, clock)
    queue.ask_stop(job_id, OWNER)
    assert queue.beat("w") is None
    assert job_of(queue, job_id).state == "stopped"


def test_a_silent_worker_that_took_another_job_gets_none_back(queue: Queue, clock: Clock) -> None:
    lost = _silent(queue, clock)
    other = queue.submit(order(), OWNER, key="other").job_id
    queue.move_first(other, OWNER)
    claim = queue.claim("w")
    assert claim is not None
    assert queue.beat("w") == claim.job.job_id == other
    assert job_of(queue, lost).state == "queued"


def test_a_forgotten_worker_signs_on_again_by_its_beat(queue: Queue) -> None:
    queue.register("w", elsewhere())
    other = Queue.open(queue.folder.parent, authority=Authority.local())
    other.unregister("w")
    assert queue.workers() == []
    queue.beat("w")
    assert [worker.worker_id for worker in queue.workers()] == ["w"]
    other.beat("stranger")
    assert len(queue.workers()) == 1


def test_a_silent_worker_without_a_job_to_take_back_is_forgotten(queue: Queue, worker: str, clock: Clock) -> None:
    job_id = _silent(queue, clock)
    queue.register("w2", this_process())
    assert len(queue.workers()) == 3
    queue.ask_stop(job_id, OWNER)
    queue.register("w3", this_process())
    assert {each.worker_id for each in queue.workers()} == {worker, "w2", "w3"}


def test_a_name_belongs_to_one_living_process(queue: Queue, worker: str) -> None:
    queue.register(worker, this_process(), "cuda:0")
    assert [each.device for each in queue.workers()] == ["cuda:0"]
    with sleeper() as child, pytest.raises(ConfigError, match=f"runs already, as process {os.getpid()}"):
        queue.register(worker, identity_of(child.pid))
    with pytest.raises(ConfigError, match="is not the id of a worker"):
        queue.register("../w", this_process())


def test_the_next_process_of_a_name_finds_the_dead_ones_job_queued(queue: Queue) -> None:
    job_id = claimed_by(queue, dead_process())
    queue.register("w", this_process())
    assert job_of(queue, job_id).state == "queued"
    claim = queue.claim("w")
    assert claim is not None
    assert claim.attempt == 2


def test_a_container_counts_as_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    monkeypatch.setattr("runner.queue.identity._FIRST_NAMESPACE", "pid:[1]")
    assert host() != me.host
    assert is_alive(me) is None


def test_a_name_with_brackets_and_blanks_hides_no_process() -> None:
    code = "import ctypes, time; ctypes.CDLL(None).prctl(15, b') Z 1 (x'); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = identity_of(child.pid)
        assert is_alive(process)
        child.kill()
    assert is_alive(process) is False
