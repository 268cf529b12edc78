"""SIGKILL before each kind of system call that writes: the queue, metrics and checkpoints stay whole."""

from __future__ import annotations

import os
import random
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from runner.queue.identity import this_process
from runner.queue.queue import Queue
from tests.faults import strace
from tests.faults.bench import ME, SEED, Bench
from tests.faults.ledger import check_ledger
from tests.faults.moments import MOMENTS, written_paths
from tests.faults.oracles import Reference, check_queue_file, check_sentence
from tests.faults.warm import Warm
from tests.runner.queue.people import order

_N_KILLS: Final = 3
"""Of training, at each kind of moment; the queue's process is killed at calls all over what it does."""


def use_queue(store: Path) -> None:
    """One of everything a queue can do; says what was answered."""
    queue, worker_id = Queue.open(store), f"w{os.getpid()}"

    def answered(what: str) -> None:
        os.write(1, f"{what}\n".encode())

    job_id = queue.submit(order(), ME, key=f"k{os.getpid()}").job_id
    answered(f"submit {job_id}")
    queue.move_first(job_id, ME)
    queue.register(worker_id, this_process())
    claim = queue.claim(worker_id)
    assert claim is not None
    answered(f"claim {claim.job.job_id} {claim.attempt}")
    queue.beat(worker_id)
    queue.note(ME, "import", "a file", "done")
    answered("note")
    queue.end(claim.job.job_id, claim.attempt, outcome="finished")
    answered(f"end {claim.job.job_id} {claim.attempt}")


def check_answers(queue: Queue, said: str, n_notes_before: int) -> None:
    """What was answered is there; nothing is half there."""
    check_queue_file(queue.folder.parent)
    jobs = {job.job_id: job for job in queue.jobs(limit=1000)}
    log = [entry.action for entry in queue.audit(limit=1000)]
    attempts = {(job.job_id, each.number): each.outcome for job in jobs.values() for each in job.attempts}
    assert log.count("submit") == len(jobs)
    assert log.count("start") == log.count("end") == len(attempts)
    assert {job.state for job in jobs.values()} <= {"queued", "finished", "failed"}
    for what, *about in map(str.split, said.splitlines()):
        if what == "submit":
            assert about[0] in jobs
        elif what == "note":
            assert log.count("import") > n_notes_before
        else:
            allowed = {"finished"} if what == "end" else {"finished", "lost"}
            assert attempts[about[0], int(about[1])] in allowed


@pytest.mark.parametrize(("kind", "every"), [("write", 12), ("sync", 5), ("open", 5), ("remove", 2)])
def test_a_queue_is_whole_whichever_call_its_process_is_killed_in(bench: Bench, kind: str, every: int) -> None:
    strace.need_strace()
    queue = Queue.open(bench.store, create=True)
    queue.note(ME, "warm", "up", "done")
    file = queue.folder / "queue.db"
    paths = (file, file.with_name("queue.db-journal"), queue.folder)
    for when in range(1, 200, every):
        output, n_notes = bench.output(), [entry.action for entry in queue.audit(limit=1000)].count("import")
        code = strace.run_with_fault(
            partial(use_queue, bench.store),
            output,
            "signal=KILL",
            calls=strace.WRITING[kind],
            when=str(when),
            paths=paths,
            environment=bench.environment,
        )
        assert code in (0, -9), output.read_text()
        check_answers(queue, output.read_text(), n_notes)
        if code == 0:
            break
    assert code == 0
    assert when > every


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sweep_goes_on_whichever_call_its_process_is_killed_in(
    bench: Bench, reference: Reference, moment: str
) -> None:
    """Rows that were acknowledged stay, and at the end the table is that of an undisturbed sweep."""
    strace.need_strace()
    bench.set_size(tokens=700)
    kind, latest = MOMENTS[moment]
    draw, n_killed = random.Random(f"{SEED} {moment}"), 0  # noqa: S311 - no secrets
    for _ in range(_N_KILLS):
        output = bench.output()
        code = strace.run_with_fault(
            bench.sweep(),
            output,
            "signal=KILL",
            calls=strace.WRITING[kind],
            when=str(draw.randint(1, latest)),
            paths=written_paths(bench.store, moment),
            environment=bench.environment,
        )
        n_killed += code == -9
        check_sentence(output.read_text())
        if bench.ledger.exists():
            check_ledger(bench.ledger, bench.opened())
    assert n_killed > 0
    last = Warm(bench.sweep(), bench.output(), bench.environment)
    assert last.wait() == 0, last.said()
    check_ledger(bench.ledger, bench.opened())
    reference.check(bench)
