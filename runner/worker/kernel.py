"""What the worker asks of the Linux kernel: to learn of orphans, to die with a parent, and who a process is."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from runner.errors import EnvironmentProblem

_SET_PDEATHSIG: Final = 1
_SET_CHILD_SUBREAPER: Final = 36
"""Numbers of <linux/prctl.h>."""


def check_platform() -> None:
    """Checks that this is Linux.

    Raises:
        EnvironmentProblem: it is not: jobs could outlive their worker.
    """
    if sys.platform != "linux":
        raise EnvironmentProblem(
            f"the worker needs Linux, and this is {sys.platform!r}; train with `ucurve sweep SPEC.yaml` instead"
        )


def adopt_orphans() -> None:
    """From now on descendants whose parent died become children of this process, and not of init."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with_parent(sign: signal.Signals = signal.SIGKILL) -> None:
    """From now on this process gets a signal when the thread that started it ends; `exec` keeps it so."""
    _prctl(_SET_PDEATHSIG, sign)


def out_of_memory_kills() -> int | None:
    """Processes that the kernel has killed for memory since it started; None where it does not count."""
    try:
        text = Path("/proc/vmstat").read_text()
    except OSError:
        return None
    counts = dict(line.split(maxsplit=1) for line in text.splitlines())
    return int(counts["oom_kill"]) if "oom_kill" in counts else None


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise EnvironmentProblem(f"the kernel refused prctl({option}): {os.strerror(number)}")
