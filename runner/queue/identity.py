"""Which process somebody is, and whether that very process still lives.

A process number alone may pass to another process, and a beat alone kills live work: whoever is stopped (SIGSTOP, a
suspended laptop, a debugger) misses beats and lives. So on one machine only the kernel is asked, never a clock.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from runner.errors import EnvironmentProblem
from runner.queue.job import ProcessIdentity

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_FIRST_NAMESPACE: Final = "pid:[4026531836]"
"""The number space of processes that a Linux machine starts with (PROC_PID_INIT_INO in linux/proc_ns.h)."""


def this_process() -> ProcessIdentity:
    """The identity of the process that calls.

    Raises:
        EnvironmentProblem: This is no Linux, or it hides its processes.
    """
    return identity_of(os.getpid())


def identity_of(pid: int) -> ProcessIdentity:
    """The identity of a process of this machine that lives.

    Raises:
        EnvironmentProblem: There is none of this number, or this is no Linux.
    """
    state = _state_and_start(pid)
    if state is None:
        raise EnvironmentProblem(f"there is no process {pid}, or /proc does not show it; workers need Linux with /proc")
    return ProcessIdentity(host=host(), boot_id=_boot_id(), pid=pid, started_ticks=state[1])


def is_alive(process: ProcessIdentity) -> bool | None:
    """Whether the very process still lives; None where it ran on another host, of which this one cannot tell.

    A process that ended and was not waited for (a zombie) is dead.
    """
    if process.host != host():
        return None
    if process.boot_id != _boot_id():
        return False
    found = _state_and_start(process.pid)
    return found is not None and found[0] not in "ZXx" and found[1] == process.started_ticks


def host() -> str:
    """This machine's name; in a container, which numbers its processes anew, its number space as well.

    Containers may share their machine's name, and then a number means another process, or none, in each.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = _FIRST_NAMESPACE
    name = socket.gethostname()
    return name if namespace == _FIRST_NAMESPACE else f"{name} {namespace}"


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as error:
        raise EnvironmentProblem(f"{_BOOT_ID} cannot be read ({error.strerror}); workers need Linux") from error


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """State, and start in clock ticks since boot: fields 3 and 22 of proc_pid_stat(5); None without the process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 1 :].split()  # the name before it may hold blanks and brackets
    return fields[0], int(fields[19])
