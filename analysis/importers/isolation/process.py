"""The reading process as its parent sees it: started, spoken to, listened to, and ended with all that it started."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import psutil

from analysis.importers.isolation.environment import USER_HOME, USER_WANDB_CONFIG, private_environment
from analysis.importers.isolation.limits import Limits
from analysis.importers.source import Request

__all__ = ["PARCELS", "USER_HOME", "USER_WANDB_CONFIG", "ProcessEnded", "ReadingProcess", "end_family"]

PARCELS: Final = "parcels"
_LONGEST_LINE: Final = 64 * 1024**2
_CHUNK: Final = 1 << 16
_END_S: Final = 10.0


class ProcessEnded(Exception):
    """The reading process is gone, silent, or says what nobody understands; the text says which."""


class ReadingProcess:
    """One child in a session of its own, with a private folder; `end` leaves nothing of either."""

    def __init__(self, request: Request, limits: Limits) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ucurve-import-"))  # mode 0700
        self.parcels = self.folder / PARCELS
        self._limits = limits
        self._buffer = bytearray()
        self._waiting = 0  # where in the buffer to look on for the end of a line
        try:
            self.parcels.mkdir()
            self._process = self._start()
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        start = {"request": asdict(request), "limits": asdict(limits), "folder": str(self.folder)}
        self.send(start)

    def send(self, command: Mapping[str, object]) -> None:
        """Sends one command; a process that is gone says so at the next `receive`."""
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def receive(self) -> dict[str, object]:
        """The next event.

        Raises:
            ProcessEnded: there will be none.
        """
        line = self._next_line()
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise ProcessEnded("the reading process said something that is no event") from problem
        if not isinstance(event, dict):
            raise ProcessEnded("the reading process said something that is no event")
        return event

    def end(self) -> None:
        """Ends the process and all that it started, and deletes its folder."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        end_family(self._process.pid)
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        log = (self.folder / "log.txt").open("wb")
        with log:
            # -P: a file of the user's folder must not pass for a module.
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "analysis.importers.isolation.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=private_environment(self.folder),
                start_new_session=True,
            )

    def _next_line(self) -> bytes:
        deadline = time.monotonic() + self._limits.silent_s
        while (end := self._buffer.find(b"\n", self._waiting)) < 0:
            self._waiting = len(self._buffer)
            if self._waiting > _LONGEST_LINE:
                raise ProcessEnded("the reading process said something that is far too long")
            self._buffer += self._more(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._waiting = 0
        return line

    def _more(self, deadline: float) -> bytes:
        stream = self._process.stdout
        if stream is None:
            raise ProcessEnded("the reading process cannot be heard")
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            silent = f"{self._limits.silent_s:g} s"
            raise ProcessEnded(f"it gave no sign of life for {silent}, so it was ended (--watchdog allows more)")
        chunk = os.read(stream.fileno(), _CHUNK)
        if not chunk:
            raise ProcessEnded(self._how_it_ended())
        return chunk

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "the reading process fell silent"
        if code == -signal.SIGKILL:
            return "the reading process was killed while it read this (SIGKILL: usually the machine ran out of memory)"
        if code < 0:
            return f"the reading process crashed while it read this ({signal.Signals(-code).name})"
        return f"the reading process ended while it read this (exit code {code})"


def end_family(pid: int, *, itself: bool = True) -> None:
    """Kills a process, all of its group, and all descendants, also those in sessions of their own."""
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    if itself:
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
