"""Logs made up of W&B's own records: what no offline client writes, such as runs that a server let go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from analysis.importers.source_run import SourceRun
from analysis.importers.wandb import SOURCE
from analysis.importers.wandb_log.messages import Record
from tests.analysis.importers.reading import read_all
from tests.analysis.importers.wandb_log.frames import exit_record, new_record, numbered, run_record, write_log

START = 1_700_000_000
"""When the first part of a made-up run begins, seconds since 1970."""


def place(path: Path, content: bytes) -> Path:
    """A file that was written long ago, so that nobody waits for it to be finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (START, START))
    return path


def run_at(second: float, *, config: Mapping[str, object] | None = None, **fields: object) -> Record:
    """The `run` record of a process that began so many seconds after `START`."""
    items = [{"key": key, "value_json": json.dumps(value)} for key, value in (config or {}).items()]
    stamp = {"seconds": START + int(second), "nanos": int(second % 1 * 1e9)}
    return run_record(start_time=stamp, **({"config": {"update": items}} if items else {}), **fields)


def row(step: int, timestamp: float | None = None, runtime: float | None = None, /, **values: object) -> Record:
    """One row; `timestamp` in seconds after `START`, dicts as nested keys."""
    times = {"_timestamp": None if timestamp is None else START + timestamp, "_runtime": runtime, "_step": step}
    known = {key: value for key, value in times.items() if value is not None}
    items = [{"nested_key": keys, "value_json": json.dumps(value)} for keys, value in _flat({**values, **known})]
    return new_record(history={"item": items, "step": {"num": step}})


def write_part(folder: Path, *records: Record, ended: bool = True) -> Path:
    """One log in a folder as the client makes it."""
    payloads = numbered([*records, *([exit_record()] if ended else [])])
    return place(folder / "run-r.wandb", write_log(payloads))


def read_one(*targets: Path, now: float = START + 601) -> SourceRun:
    """The one run at the targets; by default nothing was written for ten minutes."""
    runs, refusals = read_all(SOURCE, *targets, now=now)
    assert refusals == []
    (run,) = runs
    return run


def objects(run: SourceRun) -> dict[tuple[int, int, str], str]:
    """Attempt, step and name -> JSON."""
    found = {(row["attempt"], row["step"], row["name"]): row["json"] for row in run.objects.to_pylist()}
    assert len(found) == run.objects.num_rows
    return found


def _flat(values: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterable[tuple[list[str], object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, key))
        else:
            yield [*above, key], value
