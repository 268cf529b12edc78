"""The reading process: looks for items and reads them, one command after the other, until its parent is gone."""

from __future__ import annotations

import importlib
import json
import os
import queue
import resource
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

from analysis.errors import UcurveError
from analysis.importers.isolation.cleaning import Cleaner
from analysis.importers.isolation.events import item_from_json, item_to_json
from analysis.importers.isolation.limits import Limits
from analysis.importers.isolation.parcel import write_parcel
from analysis.importers.isolation.process import PARCELS, end_family
from analysis.importers.source import Item, Request, Source
from analysis.importers.source_run import Refusal, SourceRun

_EVERY_S: Final = 0.2
"""Seconds between two signs of life, at least: a call for each row must not cost more than the row."""
_WAIT_S: Final = 0.01


class _Child:
    """Answers commands with events."""

    def __init__(self, events: int, start: Mapping[str, Any]) -> None:
        self._events = events
        self._folder = Path(start["folder"]) / PARCELS
        self._request = Request(**(start["request"] | {"targets": tuple(start["request"]["targets"])}))
        self._limits = Limits(**start["limits"])
        self._cleaner = Cleaner()
        self._n_parcels = 0
        self._said_at = 0.0

    def answer(self, command: Mapping[str, Any]) -> None:
        """Does one command; whatever goes wrong is an event, and the next command can come."""
        try:
            source = cast("Source", importlib.import_module(str(command["module"])).SOURCE)
            if command["do"] == "find":
                self._find(source)
            else:
                self._read(source, item_from_json(command["item"]))
        except UcurveError as problem:
            self._say(event="wrong", reason=self._cleaner.text(str(problem)))
        except MemoryError:
            self._say(event="broken", reason="it needs more memory than a reading process may take")
        except Exception as problem:  # one damaged source must not end the import of the others
            text = self._cleaner.text(f"{type(problem).__name__}: {problem}")
            self._say(event="broken", reason=f"reading it failed ({text[:500]}); please report this")
        else:
            self._say(event="done")

    def _find(self, source: Source) -> None:
        for found in source.find(self._request):
            if isinstance(found, Item):
                self._say(event="found", item=item_to_json(self._cleaner.item(found)))
            else:
                self._refuse(found)

    def _read(self, source: Source, item: Item) -> None:
        for found in source.read(item, self._request, self._progress):
            if isinstance(found, Refusal):
                self._refuse(found)
            else:
                self._hand_over(found)

    def _hand_over(self, run: SourceRun) -> None:
        clean, n_redacted = self._cleaner.run(run)
        while sum(path.suffix == ".json" for path in self._folder.iterdir()) >= self._limits.most_parcels:
            time.sleep(_WAIT_S)
        write_parcel(self._folder, self._n_parcels, clean)
        self._say(event="run", parcel=self._n_parcels, n_redacted=n_redacted)
        self._n_parcels += 1

    def _refuse(self, refusal: Refusal) -> None:
        texts = {"label": self._cleaner.text(refusal.label), "reason": self._cleaner.text(refusal.reason)}
        self._say(event="refused", refusal=asdict(refusal) | texts)

    def _progress(self, n_rows: int) -> None:
        if time.monotonic() - self._said_at >= _EVERY_S:
            self._say(event="reading", n_rows=int(n_rows))

    def _say(self, **event: object) -> None:
        self._said_at = time.monotonic()
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[os.write(self._events, line) :]


def main() -> None:
    """Sets the limits, then answers commands."""
    # What libraries print must not pass for events.
    events = os.dup(1)
    os.dup2(2, 1)
    commands: queue.Queue[dict[str, Any]] = queue.Queue()
    start = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_listen, args=(commands, start["folder"]), daemon=True).start()
    memory = start["limits"]["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not leave secrets in a file
    child = _Child(events, start)
    while True:
        child.answer(commands.get())


def _listen(commands: queue.Queue[dict[str, Any]], folder: str) -> None:
    """Passes commands on; when the parent is gone, however it went, nothing of this process stays."""
    for line in _lines():
        commands.put(json.loads(line))
    end_family(os.getpid(), itself=False)
    shutil.rmtree(folder, ignore_errors=True)
    end_family(os.getpid())


def _lines() -> Iterator[bytes]:
    while line := sys.stdin.buffer.readline():
        yield line


if __name__ == "__main__":
    main()
