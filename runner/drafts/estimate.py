"""What a sweep will cost: `ucurve sweep --dry-run` in processes of their own, the answers kept.

Reading the data and tokenising it takes seconds and needs torch; a page asks, and looks again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import runner

_LOGGER = logging.getLogger(__name__)
TIMEOUT_S: Final = 180.0
"""Our choice: tokenising some million examples fits, a download that hangs does not."""
KEPT: Final = 32
"""Answers that are kept, and"""
AT_ONCE: Final = 2
"""children that work at the same time (our choice)."""
_MOST_TEXT: Final = 4000

State = Literal["running", "ready", "failed", "too long"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a sweep's cost.

    Attributes:
        state: Whether the answer is there; `too long` says nothing about whether the sweep works.
        plan: The JSON of the dry run (docs/cli.md) once it is ready.
        problem: Why there is none, in sentences.
        started_at: Seconds of the monotonic clock.
    """

    state: State
    plan: Mapping[str, object] | None = None
    problem: str | None = None
    started_at: float = 0.0


class Estimator:
    """Makes estimates, each once, for all who ask; thread-safe."""

    def __init__(
        self, command: Sequence[str] = (sys.executable, "-m", "runner.cli"), *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._command, self._timeout_s = tuple(command), timeout_s
        self._known: OrderedDict[str, Estimate] = OrderedDict()
        self._wanted: dict[str, str] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(AT_ONCE)

    def ask(self, spec: str, store: Path, *, asker: str) -> Estimate:
        """Returns what is known now, and starts finding out where that is nothing.

        Args:
            spec: The sweep file, with absolute paths.
            store: For what was measured and trained already.
            asker: Who asks: what they asked for before, and nobody else wants, is given up.
        """
        key = hashlib.sha256(f"{store}\0{spec}".encode()).hexdigest()
        with self._lock:
            self._give_up(asker, key)
            self._wanted[asker] = key
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            begun = Estimate("running", started_at=time.monotonic())
            self._known[key] = begun
        threading.Thread(target=self._work, args=(key, spec, store, begun), daemon=True).start()
        return begun

    def forget(self, spec: str, store: Path) -> None:
        """Asks anew the next time: for an answer that failed, or that has aged."""
        key = hashlib.sha256(f"{store}\0{spec}".encode()).hexdigest()
        with self._lock:
            if key in self._known and self._known[key].state != "running":
                del self._known[key]

    def _give_up(self, asker: str, key: str) -> None:
        before = self._wanted.pop(asker, key)
        found = self._known.get(before)
        if before == key or before in self._wanted.values() or found is None or found.state != "running":
            return
        del self._known[before]
        child = self._children.get(before)
        if child is not None:
            _end(child)

    def _work(self, key: str, spec: str, store: Path, begun: Estimate) -> None:
        with self._turns:
            with self._lock:
                if self._known.get(key) is not begun:
                    return
            answer = self._answer(key, spec, store)
        with self._lock:
            self._children.pop(key, None)
            if self._known.get(key) is begun:
                self._known[key] = answer
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def _answer(self, key: str, spec: str, store: Path) -> Estimate:
        with tempfile.TemporaryDirectory(prefix="ucurve-estimate-") as folder:
            file = Path(folder) / "sweep.yaml"
            file.write_text(spec, encoding="utf-8")
            child = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [*self._command, "sweep", str(file), f"--store={store}", "--dry-run", "--json"],
                cwd=Path(runner.__file__).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            with self._lock:
                self._children[key] = child
            try:
                output, log = child.communicate(timeout=self._timeout_s)
            except subprocess.TimeoutExpired:
                _end(child)
                child.communicate()
                return Estimate("too long", problem=f"the estimate took longer than {self._timeout_s:.0f} s")
            return _read(child.returncode, output, log.decode(errors="replace").replace(f"{folder}{os.sep}", ""))


def _read(returncode: int, output: bytes, log: str) -> Estimate:
    try:
        plan = json.loads(output)
    except ValueError:
        plan = None
    if returncode == 0 and isinstance(plan, dict):
        return Estimate("ready", plan=plan)
    if returncode in (2, 3) and log.strip() and "Traceback" not in log:
        return Estimate("failed", problem=log.strip()[-_MOST_TEXT:])
    _LOGGER.error("an estimate ended with code %d: %s", returncode, log)
    return Estimate("failed", problem="the estimate ended without an answer; the dashboard's log says why")


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
