"""A job's process: started, listened to, measured, asked to stop, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, TypeAlias, cast

import psutil

from analysis.importers.redaction import Redactor
from runner.worker.family import JOB_MARK, end_all, family_of, memory_of, reap
from runner.worker.log import CappedLog, LogPump, OutputPump

Patience: TypeAlias = Sequence[tuple[signal.Signals, float]]
PATIENCE_S: Final[Patience] = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0))
"""What a process is asked with, and how long it may take: time for a checkpoint, and less than 30 s in all."""
_DRAIN_S: Final = 1.0


class JobProcess:
    """One training process in a session of its own. Start it in the main thread: its life is tied to that thread's.

    Attributes:
        peak_bytes: Most resident memory of the process and all below it, as sampled.
        last_bytes: The same at the last look.
        hangs: Numbers of processes that even SIGKILL did not end in time.
        result: The JSON object that it printed at its end, without secrets; known after `close`.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        reaper: int,
        redactor: Redactor,
        patience_s: Patience = PATIENCE_S,
    ) -> None:
        """Starts the process.

        Args:
            command: The program and its arguments, no shell.
            environment: All of its environment, with its mark.
            folder: Where it works; `log.txt` comes there.
            reaper: A child of this process that is none of the job's.
            redactor: Takes secrets out of the log.
            patience_s: Signals to ask with and seconds to wait after each, before SIGKILL.

        Raises:
            OSError: no process could be started.
        """
        self._mark, self._reaper, self._patience = environment[JOB_MARK], reaper, list(patience_s)
        self._log, self._redactor = CappedLog(folder / "log.txt"), redactor
        self._process = subprocess.Popen(  # noqa: S603 - a list, no shell
            [sys.executable, "-m", "runner.worker.launcher", str(os.getpid()), *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._pipes = cast("IO[bytes]", self._process.stdout), cast("IO[bytes]", self._process.stderr)
        self._output, self._errors = OutputPump(self._pipes[0]), LogPump(self._pipes[1], self._log, redactor)
        self._output.start()
        self._errors.start()
        self._step_until: float | None = None
        self.peak_bytes = self.last_bytes = 0
        self.hangs: list[int] = []
        self.result: dict[str, object] | None = None

    @property
    def pid(self) -> int:
        """Number of the first process, which is also its session's and its group's."""
        return self._process.pid

    @property
    def last_line(self) -> str | None:
        """The last thing it said on its error stream."""
        return self._errors.last_line

    def has_ended(self) -> bool:
        """Whether the first process is over. It is not waited for yet, so that its number stays its own."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def sample(self) -> None:
        """Measures memory, and waits for adopted children that ended."""
        used = memory_of(self._family())
        if used:
            self.last_bytes = used
            self.peak_bytes = max(self.peak_bytes, used)
        reap(apart_from=(self.pid, self._reaper))

    def stop(self) -> None:
        """Asks it to stop; call it again and again until the process has ended: the asking becomes stronger."""
        now = time.monotonic()
        if self._step_until is not None and now < self._step_until:
            return
        if not self._patience:
            self.kill()
            return
        number, seconds = self._patience.pop(0)
        self._step_until = now + seconds
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it and all below it at once."""
        self._step_until, self._patience = None, []
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # one look of the kernel at the group: no fork escapes it
        self.hangs = [process.pid for process in end_all(self._family)]

    def close(self) -> int | None:
        """Ends what the first process left behind, and tells its exit code; None when even SIGKILL did not end it."""
        self.kill()
        if not self.has_ended():
            return None
        code = self._process.wait()
        reap(apart_from=(self._reaper,))
        self._drain()
        return code

    def _drain(self) -> None:
        for pump in (self._errors, self._output):
            pump.join(_DRAIN_S)
        lines, result = self._output.parts()
        self._errors.add(lines)
        self.result = None if result is None else cast("dict[str, object]", self._redactor.clean(result))
        if not self._errors.is_alive() and not self._output.is_alive():
            for pipe in self._pipes:
                pipe.close()

    def _family(self) -> list[psutil.Process]:
        return family_of(self.pid, self._mark, apart_from=self._reaper)
