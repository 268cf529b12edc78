"""Writes, fsyncs, renames and links that fail: one sentence, nothing damaged, and on it goes later."""

from __future__ import annotations

import random
import resource
from functools import partial
from pathlib import Path

import pytest

from analysis.errors import UcurveError
from runner.queue.queue import Queue
from tests.faults import strace
from tests.faults.bench import ME, SEED, Bench
from tests.faults.ledger import check_ledger
from tests.faults.moments import MOMENTS, written_paths
from tests.faults.oracles import check_queue_file, check_sentence, go_on
from tests.faults.warm import Warm, run_program
from tests.runner.queue.people import order


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sweep_whose_call_fails_says_so_and_goes_on(bench: Bench, moment: str, error: str) -> None:
    strace.need_strace()
    kind, latest = MOMENTS[moment]
    when = random.Random(f"{SEED} {moment} {error}").randint(1, latest)  # noqa: S311 - no secrets
    output = bench.output()
    code = strace.run_with_fault(
        bench.sweep(),
        output,
        f"error={error}",
        calls=strace.WRITING[kind],
        when=f"{when}+",
        paths=written_paths(bench.store, moment) or (bench.store,),
        environment=bench.environment,
    )
    assert code in (0, 2, 3), output.read_text()
    check_sentence(output.read_text())
    if bench.ledger.exists():
        check_ledger(bench.ledger, bench.opened())
    go_on(bench)
    check_ledger(bench.ledger, bench.opened())


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("kind", ["write", "sync", "open"])
def test_a_queue_whose_call_fails_says_so_and_works_again(bench: Bench, kind: str, error: str) -> None:
    strace.need_strace()
    queue = Queue.open(bench.store, create=True)
    file = queue.folder / "queue.db"
    output = bench.output()
    code = strace.run_with_fault(
        partial(submit_many, bench.store),
        output,
        f"error={error}",
        calls=strace.WRITING[kind],
        when="2+3",
        paths=(file, file.with_name("queue.db-journal"), queue.folder),
        environment=bench.environment,
    )
    said = output.read_text()
    assert code == 0, said
    check_sentence(said, "refused: ")
    check_queue_file(bench.store)
    answered = {line.split()[1] for line in said.splitlines() if line.startswith("answered ")}
    assert answered <= {job.key for job in queue.jobs()}
    assert queue.submit(order(), ME, key="again").is_new


def submit_many(store: Path) -> None:
    """Submits, and says what was answered or refused."""
    queue = Queue.open(store)
    for number in range(8):
        try:
            queue.submit(order(), ME, key=f"k{number}")
            print(f"answered k{number}")  # noqa: T201
        except UcurveError as problem:
            print(f"refused: {problem!s}")  # noqa: T201


def limited(arguments: list[str], n_bytes: int) -> None:
    """The program, none of whose files may grow beyond this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    run_program(arguments)


def test_files_that_may_not_grow_are_a_sentence(bench: Bench) -> None:
    arguments = ["sweep", str(bench.spec), f"--store={bench.store}", "--json"]
    process = Warm(partial(limited, arguments, 4096), bench.output(), bench.environment)
    assert process.wait() in (2, 3), process.said()
    check_sentence(process.said(), "File too large")
    go_on(bench)
