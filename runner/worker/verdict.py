"""What the end of a job's process means, in one sentence."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runner.queue.job import Outcome

_PARTIAL: Final = 1
_BAD_INPUT: Final = 2
_ENVIRONMENT: Final = 3
"""Exit codes of `ucurve sweep`."""
_GIB: Final = 1024**3
_DISK_FULL: Final = re.compile("No space left on device|Disk quota exceeded|disk is full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process came to its end.

    Attributes:
        exit_code: Negative for a signal; None for a process that even SIGKILL did not end.
        result: The object it printed, or None.
        last_line: The last thing it said.
        last_bytes: Its memory at the last look.
        n_memory_kills: Processes that the kernel killed for memory meanwhile; None where it does not count.
        hangs: Processes that SIGKILL did not end.
    """

    exit_code: int | None
    result: Mapping[str, object] | None
    last_line: str | None
    last_bytes: int
    n_memory_kills: int | None
    hangs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended, and why."""

    outcome: Outcome
    reason: str | None


def judge(ending: Ending) -> Verdict:
    """The verdict on a process that nobody asked to end."""
    code = ending.exit_code
    if code is None:
        return Verdict("failed", _hanging(ending))
    if code < 0:
        return Verdict("lost", _killed(ending))
    if code in (0, _PARTIAL) and ending.result is not None:
        return Verdict("finished", _partial(ending.result) if code == _PARTIAL else None)
    said = ending.last_line or "it ended without a word"
    if _DISK_FULL.search(said):
        return Verdict("lost", said)  # goes on once there is room: no job starts before
    return Verdict("failed", said if code in (_BAD_INPUT, _ENVIRONMENT) else f"it broke off with code {code}: {said}")


def judge_stopped(ending: Ending) -> Verdict:
    """The verdict on a process that was asked to stop: one that came to its end all the same has finished."""
    if ending.exit_code is None:
        return Verdict("stopped", _hanging(ending))
    if ending.exit_code == 0:
        return Verdict("finished", None)
    by_force = ending.exit_code in (-signal.SIGTERM, -signal.SIGKILL)
    return Verdict(
        "stopped", "it did not stop when asked and was ended; what it had stored stays" if by_force else None
    )


def _partial(result: Mapping[str, object]) -> str | None:
    counts = {status: result.get(f"n_{status}") for status in ("failed", "stopped")}
    parts = [f"{count} {status}" for status, count in counts.items() if isinstance(count, int) and count > 0]
    return f"of {result.get('n_runs')} runs {' and '.join(parts)}" if parts else "some runs could not be scored"


def _killed(ending: Ending) -> str:
    number = -(ending.exit_code or 0)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    text = f"killed by signal {number} ({name})"
    if number != signal.SIGKILL:
        return text
    held = f"; it held {ending.last_bytes / _GIB:.2f} GiB at the last look" if ending.last_bytes else ""
    if ending.n_memory_kills:
        return f"{text}: this machine ran out of memory{held}"
    return f"{text}, likely out of memory{held}"


def _hanging(ending: Ending) -> str:
    numbers = ", ".join(map(str, ending.hangs))
    return f"process {numbers} does not end even when killed (it waits in a driver or for a disk); look at this machine"
