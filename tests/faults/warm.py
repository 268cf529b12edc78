"""Processes that begin within milliseconds, with torch loaded, so that they can be killed by the dozen.

Forked by a process that has imported everything and done nothing (multiprocessing's fork server): a process that has
read a table must not be forked, as the threads of the tables' library do not come along.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Final

from tests.faults.ledger import LEDGER, keep_ledger

_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.faults.preloaded"])


class Warm:
    """A process of the harness: what it said goes to a file.

    Args:
        work: What it does, from a module of ours.
        output: Gets both output streams.
        environment: Variables on top of those that there are.
        traced: Whether it begins only once a tracer holds it.
    """

    def __init__(
        self,
        work: Callable[[], object],
        output: Path,
        environment: Mapping[str, str] | None = None,
        *,
        traced: bool = False,
    ) -> None:
        self.output = output
        changes = {"OMP_NUM_THREADS": "1", **(environment or {})}
        self._process: ForkServerProcess = _SERVER.Process(target=_begin, args=(work, output, changes, traced))
        self._process.start()
        self.pid = self._process.pid or 0

    def wait(self, timeout_s: float = 120) -> int:
        """Its exit code; negative for a signal."""
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            self.kill()
            raise AssertionError(f"process {self.pid} did not end; it said: {self.said()}")
        return code

    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """SIGKILL, and its end."""
        self.signal(signal.SIGKILL)
        self._process.join(30)

    def signal(self, number: int) -> None:
        """Sends a signal, unless it is over."""
        if not self.has_ended():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def said(self) -> str:
        """All that it said so far."""
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""


def ucurve(*arguments: str | Path) -> Callable[[], object]:
    """The program, as work for a warm process."""
    return partial(run_program, [str(argument) for argument in arguments])


def run_program(arguments: Sequence[str]) -> None:
    """Does what `ucurve ARGUMENTS` does, and keeps the ledger where one is asked for."""
    from runner.cli.app import main

    if LEDGER in os.environ:
        keep_ledger(os.environ[LEDGER])
    main(arguments)


def _begin(work: Callable[[], object], output: Path, changes: Mapping[str, str], traced: bool) -> None:
    os.setsid()
    become(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), changes)
    while traced and not _is_traced():
        time.sleep(0.002)
    work()


def become(output: int, changes: Mapping[str, str], errors: int | None = None) -> None:
    """Makes a forked process what a started one is: its own streams, environment, signals, and torch's threads.

    Torch makes its pool of threads anew in the first call after a fork, and while it does, a second thread that calls
    finds none ("Invalid thread pool!"): so the first call comes before there are threads.
    """
    import torch

    os.dup2(output, 1)
    os.dup2(output if errors is None else errors, 2)
    sys.stdout, sys.stderr = _text(1), _text(2)
    os.environ.update(changes)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)


def _text(handle: int) -> IO[str]:
    raw = open(handle, "wb", buffering=0, closefd=False)  # noqa: SIM115 - a handle, for good
    return io.TextIOWrapper(raw, "utf-8", errors="replace", write_through=True)


def _is_traced() -> bool:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("TracerPid")) != 0


def fork_job(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: int, stderr: int, **_options: object
) -> ForkedJob:
    """Stands in for `subprocess.Popen` in a worker: forks the job's process, which does what the launcher does."""
    from runner.worker.kernel import die_with_parent

    assert stdout == stderr == -1, "as pipes"
    pipes, worker = (os.pipe(), os.pipe()), os.getpid()
    pid = os.fork()
    if pid:
        for _, into in pipes:
            os.close(into)
        return ForkedJob(pid, os.fdopen(pipes[0][0], "rb", 0), os.fdopen(pipes[1][0], "rb", 0))
    try:
        os.setsid()
        die_with_parent()
        if os.getppid() != worker:
            os._exit(9)
        os.chdir(cwd)
        os.environ.clear()
        become(pipes[0][1], env, pipes[1][1])
        run_program(command[command.index("runner.cli") + 1 :])
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


class ForkedJob:
    """What a worker needs of a process."""

    def __init__(self, pid: int, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr

    def wait(self) -> int:
        """Its exit code; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
