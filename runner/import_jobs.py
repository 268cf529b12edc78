"""Imports that run beside the dashboard: each is `ucurve import` in a process of its own, watched through its files.

A job is a folder `<store>/jobs/<id>` with what was asked (`order.json`), who does it (`process.json`), how far it is
(`progress.jsonl`), what it said (`log.txt`) and what came of it (`report.json`). Closing the browser or restarting the
dashboard does not touch it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

import runner
from analysis.errors import ConfigError, StoreError
from analysis.store.identity import ID_PATTERN

KEPT: Final = 20
"""Finished jobs whose folders stay; the verdicts themselves stand in the store (our choice)."""
_FOLDER: Final = "jobs"
_TAIL_BYTES: Final = 64 * 1024

State = Literal["running", "finished", "failed", "stopped"]
Report = Mapping[str, object]


class ImportOrder(BaseModel):
    """What is to be imported.

    Attributes:
        kind: A source's kind, or `auto`.
        targets: Paths or projects; checked by whoever takes them from a browser.
        options: Options of `ucurve import KIND` by name, without dashes: `base-url`, `filter`, `since`.
        dry_run: Only say what would come.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    targets: tuple[str, ...]
    options: dict[str, str] = {}
    dry_run: bool = False

    def arguments(self, store: Path, progress: Path) -> list[str]:
        """The command line after `ucurve`; targets stand behind `--`, so that none is taken for an option."""
        options = [f"--{name}={value}" for name, value in sorted(self.options.items())]
        fixed = [f"--store={store}", f"--progress-file={progress}", "--json"]
        return ["import", self.kind, *options, *fixed, *(["--dry-run"] if self.dry_run else []), "--", *self.targets]


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        n_found: Sources found so far.
        n_items: Sources there are; None while it still looks.
        n_done: Those of them that are in, or were in before.
        source: The one being read.
        n_rows: Logged rows of it that were read so far.
        n_rows_expected: Rows that it has, where it says so.
    """

    n_found: int = 0
    n_items: int | None = None
    n_done: int = 0
    source: str | None = None
    n_rows: int = 0
    n_rows_expected: int | None = None

    def after(self, event: Mapping[str, Any]) -> ImportProgress:
        """The progress when a line of the progress file has been read too; see docs/cli.md."""
        match event.get("event"):
            case "found":
                return replace(self, n_found=event["n_items"])
            case "listed":
                return replace(self, n_items=event["n_items"], n_done=event["n_known"])
            case "started" | "reading":
                return replace(
                    self,
                    source=event["source"],
                    n_rows=event.get("n_rows", 0),
                    n_rows_expected=event["n_rows_expected"],
                )
            case "read":
                return replace(self, n_done=self.n_done + 1, source=None)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """A job as it stands now.

    Attributes:
        job_id: Its name.
        order: What was asked.
        started_at: Seconds since 1970.
        state: `finished` when it came to its end, whatever the verdicts; `failed` without a report.
        progress: How far it is.
        report: What it reported at its end, as `ucurve import --json`; None before.
        problem: Why it failed, in its own words.
    """

    job_id: str
    order: ImportOrder
    started_at: float
    state: State
    progress: ImportProgress
    report: Report | None
    problem: str | None


class _Process(BaseModel):
    """Who does a job: the number and its birth say which process, `started_at` when it was asked for."""

    pid: int
    created: float
    started_at: float


Model = TypeVar("Model", bound=BaseModel)


def start_import(store: Path, order: ImportOrder) -> str:
    """Starts the job and returns its id; one that does just the same and still runs is not started twice.

    Raises:
        StoreError: nothing can be written beside the store.
    """
    for job in list_imports(store):
        if job.state == "running" and job.order == order:
            return job.job_id
    job_id = f"import-{time.time_ns():x}-{secrets.token_hex(3)}"
    folder = store / _FOLDER / job_id
    try:
        folder.mkdir(parents=True, mode=0o700)
        _write(folder / "order.json", order)
        _start(folder, order, store)
    except OSError as problem:
        raise StoreError(f"cannot start an import beside {str(store)!r}: {problem.strerror}") from problem
    _forget_old(store)
    return job_id


def list_imports(store: Path) -> list[ImportJob]:
    """The jobs of a store, the newest first."""
    folder = store / _FOLDER
    names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    jobs = (read_import(store, name) for name in names if name.startswith("import-"))
    return [job for job in jobs if job is not None]


def read_import(store: Path, job_id: str) -> ImportJob | None:
    """One job, or None where there is none of that id or its files are damaged."""
    folder = _folder(store, job_id)
    order, process = _read(folder / "order.json", ImportOrder), _read(folder / "process.json", _Process)
    if order is None or process is None:
        return None
    report = _report(folder / "report.json")
    state = _state(process, report, folder)
    return ImportJob(
        job_id=job_id,
        order=order,
        started_at=process.started_at,
        state=state,
        progress=_progress(folder / "progress.jsonl") if state == "running" else ImportProgress(),
        report=report if state == "finished" else None,
        problem=_last_line(folder / "log.txt") if state == "failed" else None,
    )


def stop_import(store: Path, job_id: str) -> None:
    """Asks a job to stop, as Ctrl-C does; what is in the store already stays, and the next import goes on there."""
    folder = _folder(store, job_id)
    process = _read(folder / "process.json", _Process)
    if process is not None and _is_alive(process):
        (folder / "stopped").touch()
        os.killpg(process.pid, signal.SIGINT)


def _start(folder: Path, order: ImportOrder, store: Path) -> None:
    arguments = order.arguments(store, folder / "progress.jsonl")
    with (folder / "report.json").open("wb") as report, (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
            [sys.executable, "-m", "runner.cli", *arguments],
            cwd=Path(runner.__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=report,
            stderr=log,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    _write(folder / "process.json", _Process(pid=process.pid, created=created, started_at=time.time()))
    threading.Thread(target=process.wait, daemon=True).start()  # else an ended child would stay a zombie


def _state(process: _Process, report: Report | None, folder: Path) -> State:
    if _is_alive(process):
        return "running"
    if report is not None:
        return "finished"
    return "stopped" if (folder / "stopped").exists() else "failed"


def _is_alive(process: _Process) -> bool:
    """Whether the very process still runs: its number may have passed to another one."""
    try:
        found = psutil.Process(process.pid)
        return bool(found.create_time() == process.created and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _folder(store: Path, job_id: str) -> Path:
    if not re.fullmatch(ID_PATTERN, job_id):
        raise ConfigError(f"{job_id!r} is not the id of a job")
    return store / _FOLDER / job_id


def _progress(path: Path) -> ImportProgress:
    progress = ImportProgress()
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return progress
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last line, while it is being written
        progress = progress.after(event)
    return progress


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it ended without a word"


def _write(path: Path, content: BaseModel) -> None:
    draft = path.with_suffix(".inprogress")
    draft.write_text(content.model_dump_json())
    draft.replace(path)


def _read(path: Path, model: type[Model]) -> Model | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _report(path: Path) -> Report | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _forget_old(store: Path) -> None:
    ended = [job for job in list_imports(store) if job.state != "running"]
    for job in ended[KEPT:]:
        shutil.rmtree(_folder(store, job.job_id), ignore_errors=True)
