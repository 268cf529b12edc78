"""A clock that is set while a sweep runs, an hour back and an hour ahead: nothing is lost, doubled, or run twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.faults.bench import Bench, training_of, wait_for
from tests.faults.ledger import check_ledger
from tests.faults.oracles import Reference, check_sentence, read_pages
from tests.runner.worker.shop import is_gone

_LIBRARY: Final = "faketime/libfaketimeMT.so.1"
_PROGRAM: Final = """
import select, sys, time
from pathlib import Path
from tests.faults.bench import work

time.sleep = lambda seconds: select.select([], [], [], seconds)
work(Path(sys.argv[1]), once=True)
"""
"""Without Python's own sleep: it names a moment of the monotonic clock, which the library takes for one of another."""


def library() -> Path:
    """What stands between a process and the clock; skips the test where it is not installed."""
    found = sorted(Path("/usr/lib").glob(f"*/{_LIBRARY}"))
    if not found:
        pytest.skip("libfaketime is not installed")
    return found[0]


class Clocked:
    """A worker, and its jobs, with a clock that can be set; the monotonic clock goes on as it does in the kernel.

    Args:
        bench: Store and queue.
    """

    def __init__(self, bench: Bench) -> None:
        self._home = bench.folder / "home"
        self._home.mkdir()
        self.set("+0")
        self.output = bench.output()
        changes = {"LD_PRELOAD": str(library()), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(bench.store)],
                stdout=output,
                stderr=output,
                env={**os.environ, **bench.environment, **changes, "HOME": str(self._home)},
                start_new_session=True,
            )
        self.pid: Final = self.process.pid

    def set(self, offset: str) -> None:
        """Puts the clock so far from where it is really."""
        draft = self._home / "draft"
        draft.write_text(f"{offset}\n")
        draft.replace(self._home / ".faketimerc")

    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.process.poll() is not None

    def said(self) -> str:
        """All that it said so far."""
        return self.output.read_text()


def test_a_clock_that_is_set_changes_nothing_in_the_table(bench: Bench, reference: Reference) -> None:
    """Back and ahead while it trains; the next attempt begins an hour before the first one ended."""
    bench.set_size(tokens=700)
    job_id = bench.submit()
    worker = Clocked(bench)
    try:
        training = training_of(worker)
        for number, offset in ((2, "-1h"), (4, "+1h")):
            bench.wait_for_checkpoint(number)
            worker.set(offset)
        bench.wait_for_checkpoint(6)
        training.suspend()
        assert "in the future (clocks differ)" in read_pages(bench.store, "Queue")
        other = bench.start_worker()
        assert other.wait() == 0  # finds nothing to do
        assert (bench.job(job_id).state, len(bench.job(job_id).attempts)) == ("running", 1)
    finally:
        worker.process.kill()
        worker.process.wait()
    wait_for(lambda: is_gone(training.pid), "the job's process ends with its worker")
    again = bench.start_worker()
    again.wait()
    check_sentence(worker.said() + again.said())
    assert [each.outcome for each in bench.job(job_id).attempts] == ["lost", "finished"]
    assert "finished" in read_pages(bench.store, "Queue")
    check_ledger(bench.ledger, bench.opened())
    reference.check(bench)
