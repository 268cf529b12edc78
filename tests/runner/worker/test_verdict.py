from __future__ import annotations

from dataclasses import replace

import pytest

from runner.worker.verdict import Ending, judge, judge_stopped

RESULT = {"n_runs": 4, "n_failed": 0, "n_stopped": 0}
WELL = Ending(exit_code=0, result=RESULT, last_line=None, last_bytes=3 * 1024**3, n_memory_kills=0)


@pytest.mark.parametrize(
    ("ending", "outcome", "reason"),
    [
        (WELL, "finished", None),
        (replace(WELL, exit_code=1, result={**RESULT, "n_failed": 3}), "finished", "of 4 runs 3 failed"),
        (
            replace(WELL, exit_code=1, result={**RESULT, "n_failed": 1, "n_stopped": 2}),
            "finished",
            "of 4 runs 1 failed and 2 stopped",
        ),
        (replace(WELL, exit_code=1), "finished", "some runs could not be scored"),
        (replace(WELL, exit_code=0, result=None), "failed", "it broke off with code 0: it ended without a word"),
        (replace(WELL, exit_code=2, result=None, last_line="no such model"), "failed", "no such model"),
        (replace(WELL, exit_code=3, result=None, last_line="no memory"), "failed", "no memory"),
        (
            replace(WELL, exit_code=2, result=None, last_line="the disk is full, so nothing"),
            "lost",
            "the disk is full, so nothing",
        ),
        (
            replace(WELL, exit_code=-9),
            "lost",
            "killed by signal 9 (SIGKILL), likely out of memory; it held 3.00 GiB at the last look",
        ),
        (
            replace(WELL, exit_code=-9, n_memory_kills=1),
            "lost",
            "killed by signal 9 (SIGKILL): this machine ran out of memory; it held 3.00 GiB at the last look",
        ),
        (replace(WELL, exit_code=-11), "lost", "killed by signal 11 (SIGSEGV)"),
        (
            replace(WELL, exit_code=None, hangs=(7, 8)),
            "failed",
            "process 7, 8 does not end even when killed (it waits in a driver or for a disk); look at this machine",
        ),
    ],
)
def test_verdict(ending: Ending, outcome: str, reason: str | None) -> None:
    found = judge(ending)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("exit_code", "outcome", "is_forced"),
    [(0, "finished", False), (1, "stopped", False), (-2, "stopped", False), (-9, "stopped", True)],
)
def test_verdict_on_what_was_asked_to_stop(exit_code: int, outcome: str, is_forced: bool) -> None:
    found = judge_stopped(replace(WELL, exit_code=exit_code))
    assert (found.outcome, found.reason is not None) == (outcome, is_forced)
