"""A source for tests: a JSON file says what it has and how it misbehaves. The reading process imports this module.

The file: `{"runs": [{"id", "attempts": [[[step, name, value], ...], ...], "status", "config", ...}], "refuse": [...]}`.
What a run `does` happens while it is read; with `parts` an item has several runs, which come before that.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.errors import ConfigError
from analysis.importers.registry import SourceKind
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA, Refusal, SourceRun, SourceScore

KIND = SourceKind("scripted", "tests.analysis.importers.scripted", "scripts of the tests")


def history(attempts: list[list[list[Any]]]) -> pa.Table:
    """Table of `HISTORY_SCHEMA` of points `[step, name, value]`, a list for each attempt."""
    rows = [
        {"attempt": number, "step": step, "wall_time": float(step), "name": name, "value": value}
        for number, points in enumerate(attempts, start=1)
        for step, name, value in points
    ]
    plain = pa.schema([field.with_type(pa.string()) if field.name == "name" else field for field in HISTORY_SCHEMA])
    return pa.Table.from_pylist(rows, schema=plain).cast(HISTORY_SCHEMA)


def run_of(script: dict[str, Any]) -> SourceRun:
    """The run that one entry of a script describes."""
    attempts = script.get("attempts", [[[step, "loss", 1.0 / (step + 1)] for step in range(script.get("n", 3))]])
    objects = [
        {"attempt": attempt, "step": step, "name": name, "json": text}
        for attempt, step, name, text in script.get("objects", [])
    ]
    n_rows = len({(number, step) for number, points in enumerate(attempts) for step, _, _ in points})
    return SourceRun(
        kind=script.get("kind", "scripted"),
        label=f"script/{script['id']}",
        key=("scripted", str(script.get("key", script["id"]))),
        marks=tuple(script.get("marks", ())),
        own_run_id=script.get("own_run_id"),
        status=script.get("status", "finished"),
        verdict=script.get("verdict", "complete"),
        name=script.get("name"),
        tags=tuple(script.get("tags", ())),
        config=script.get("config", {}),
        columns=script.get("columns", {}),
        summary=script.get("summary", {}),
        history=history(attempts),
        objects=pa.Table.from_pylist(objects, schema=OBJECTS_SCHEMA),
        scores=[SourceScore(**score) for score in script.get("scores", [])],
        scores_at_end=script.get("scores_at_end", False),
        rows_expected=script.get("rows_expected", n_rows),
        rows_got=n_rows,
        reason=script.get("reason"),
    )


class ScriptedSource:
    kind = "scripted"

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        for target in request.targets:
            path = Path(target)
            if not path.exists():
                raise ConfigError(f"there is no file {target!r}; name a script")
            script = json.loads(path.read_text())
            for name in script.get("refuse", []):
                hides = bool(script.get("hides_others"))
                yield Refusal(kind="scripted", label=f"{target}#{name}", reason="it is empty", hides_others=hides)
            for run in script["runs"]:
                digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
                locator = {"path": target, "id": str(run["id"])}
                yield Item(kind="scripted", label=f"{target}#{run['id']}", digest=digest, locator=locator, n_rows=3)
            _misbehave(str(script.get("find_does", "")))

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:  # noqa: ARG002
        runs = json.loads(Path(item.locator["path"]).read_text())["runs"]
        script = next(run for run in runs if str(run["id"]) == item.locator["id"])
        _log_read(item.locator["id"])
        progress(1)
        if script.get("does") == "bad_parcel":
            yield replace(run_of(script), history=history([[]]).drop_columns(["tokens_seen"]))
            return
        for part in script.get("parts", []):
            yield run_of(script | part)
        if script.get("refuses"):
            yield Refusal(kind="scripted", label=item.label, reason=str(script["refuses"]))
            return
        time.sleep(script.get("slow", 0))
        _misbehave(str(script.get("does", "")))
        if "parts" not in script:
            yield run_of(script)


SOURCE = ScriptedSource()


def _log_read(name: str) -> None:
    """Where a test asks for it, what was read is written down."""
    if log := os.environ.get("SCRIPTED_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{name} {os.getpid()}\n")


def _eat() -> None:
    hoard = bytearray(64 * 1024**3)
    print(len(hoard))  # noqa: T201


def _raise() -> None:
    raise RuntimeError("a fault of the source")


def _talk() -> None:
    print("a library talks")  # noqa: T201
    sys.stdout.flush()


def _say_nonsense() -> None:
    for number in range(3, 12):
        try:
            os.write(number, b"this is no event\n")
        except OSError:
            continue


_DEEDS: Mapping[str, Callable[[], object]] = {
    "hang": lambda: time.sleep(3600),
    "exit": lambda: os._exit(7),
    "segfault": lambda: ctypes.string_at(0),
    "eat": _eat,
    "raise": _raise,
    "print": _talk,
    "nonsense": _say_nonsense,
}


def _misbehave(how: str) -> None:
    if how:
        _DEEDS[how]()
