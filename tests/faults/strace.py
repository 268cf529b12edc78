"""System calls that fail, or kill, at an exact moment: strace's fault injection, attached to a warm process."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.faults.warm import Warm

WRITING: Final = {
    "write": "write,pwrite64,writev,pwritev,copy_file_range,sendfile",
    "sync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2",
    "link": "link,linkat",
    "remove": "unlink,unlinkat,rmdir",
    "cut": "ftruncate,truncate",
    "open": "open,openat,creat",
}
"""Kinds of calls, as strace names them."""


@cache
def why_not() -> str | None:
    """Why nothing can be traced here; None where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"this machine does not allow ptrace: {tried.stderr.strip()}" if tried.returncode else None


def need_strace() -> None:
    """Skips the test, visibly, where nothing can be traced."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)


def start_with_fault(
    work: Callable[[], object],
    output: Path,
    fault: str,
    *,
    calls: str,
    when: str,
    paths: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Warm:
    """Starts a warm process whose calls fail.

    Args:
        work: What it does.
        output: Gets what it says.
        fault: `signal=KILL` or `error=ENOSPC`.
        calls: System calls, as strace names them.
        when: Which of them: `3`, `3+`, `3+2`; each kind of call and each thread counts for itself.
        paths: Only calls on these very paths; empty: on all.
        environment: Variables for the process.
    """
    warm = Warm(work, output, environment, traced=True)
    only = [part for path in paths for part in ("-P", str(path))]
    inject = f"inject={calls}:{fault}:when={when}"
    command = ["strace", "-f", "-qq", "-o", str(trace_of(output)), *only, f"--trace={calls}", "-e", inject]
    tracer = subprocess.Popen([*command, "-p", str(warm.pid)], stderr=subprocess.PIPE, text=True)
    _TRACERS[warm.pid] = tracer
    return warm


def end_tracer(warm: Warm) -> None:
    """Waits for the tracer of a process that is over, or was let go of."""
    tracer = _TRACERS.pop(warm.pid)
    try:
        _, said = tracer.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        tracer.kill()
        _, said = tracer.communicate()
    if said:
        sys.stderr.write(said)


def run_with_fault(
    work: Callable[[], object],
    output: Path,
    fault: str,
    *,
    calls: str,
    when: str,
    paths: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> int:
    """Runs such a process to its end; its exit code."""
    warm = start_with_fault(work, output, fault, calls=calls, when=when, paths=paths, environment=environment)
    try:
        return warm.wait()
    finally:
        end_tracer(warm)


def was_injected(output: Path) -> bool:
    """Whether a call failed, or killed."""
    trace = trace_of(output)
    return (
        trace.exists() and re.search(r"\(INJECTED\)|killed by SIGKILL", trace.read_text(errors="replace")) is not None
    )


def trace_of(output: Path) -> Path:
    """Where the calls of a process are listed."""
    return output.with_suffix(".strace")


_TRACERS: dict[int, subprocess.Popen[str]] = {}
