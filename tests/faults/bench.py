"""A store with its queue, a sweep of a few seconds, and workers and training processes that start at once."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Final, Protocol, TypeVar

import psutil

from analysis.store import Store
from runner.access.local import command_line_person
from runner.job_files import JobStatus
from runner.queue.folders import read_status
from runner.queue.job import Job
from runner.queue.order import read_order
from runner.queue.queue import Queue
from tests.faults.ledger import LEDGER
from tests.faults.warm import Warm, fork_job, ucurve

SEED: Final = 20261122
CLEAR_WITHIN_S: Final = 30.0
"""What is promised: after this time everything says how it is."""
_PATIENCE_S: Final = 90.0
ME: Final = command_line_person()
Found = TypeVar("Found")

SPEC: Final = """
name: tiny
model: {model}
dataset: {{path: {data}, held_out: 10}}
axes: {{learning_rate: [1e-3, 1e-2], batch_size: [2, 6]}}
seeds: {seeds}
budget: {{tokens: {tokens}}}
training: {{clip_norm: null, precision: float32, lora_alpha: 64, lora_rank: 2, lora_dropout: 0.1}}
evaluation: {{every: 0.5, max_examples: 10}}
pack: 3
checkpoint: {{every_minutes: null, every_steps: 6}}
"""


def wait_for(look: Callable[[], Found | None], what: str, patience_s: float = _PATIENCE_S) -> Found:
    """What `look` finds; fails where it finds nothing for too long."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited in vain: {what}")


class Bench:
    """What most tests here break.

    Args:
        folder: Of the test.
        model: Folder of the base model.
        pairs: What the sweep trains on.
    """

    def __init__(self, folder: Path, model: Path, pairs: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.spec, self.ledger = folder / "tiny.yaml", folder / "ledger.jsonl"
        self._model, self._pairs, self._numbers = model, pairs, itertools.count(1)
        self.set_size(tokens=240)
        (folder / "ucurve.toml").write_text("[limits]\nleast_free_bytes = 0\n")

    def beside(self, folder: Path) -> Bench:
        """Another one, with the same model and pairs."""
        folder.mkdir()
        return Bench(folder, self._model, self._pairs)

    def set_size(self, *, tokens: int, seeds: int = 1) -> None:
        """Makes the sweep longer or shorter."""
        self.spec.write_text(SPEC.format(model=self._model, data=self._pairs, tokens=tokens, seeds=seeds))

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the processes."""
        return {"UCURVE_SITE": str(self.folder / "ucurve.toml"), LEDGER: str(self.ledger)}

    @property
    def queue(self) -> Queue:
        """As somebody sees it who opens it now."""
        return Queue.open(self.store)

    def output(self) -> Path:
        """A new file for what a process says."""
        return self.folder / f"said-{next(self._numbers)}.txt"

    def sweep(self) -> Callable[[], object]:
        """Training it without a queue, as work for a process."""
        return ucurve("sweep", self.spec, f"--store={self.store}", "--json")

    def submit(self) -> str:
        """The id of a new job."""
        return self.queue.submit(read_order(self.spec), ME, key=f"key-{next(self._numbers)}").job_id

    def start_worker(self, *, once: bool = True) -> Warm:
        """A worker, which takes one job, or lasts until it is told to end."""
        return Warm(partial(work, self.store, once=once), self.output(), self.environment)

    def job(self, job_id: str) -> Job:
        """As it stands."""
        job = self.queue.job(job_id)
        assert job is not None
        return job

    def status(self, job_id: str) -> JobStatus | None:
        """What the newest attempt says of itself."""
        return read_status(self.queue.job_folder(job_id, len(self.job(job_id).attempts)))

    def newest_checkpoint(self) -> int:
        """Its number; 0 for none."""
        folder = self.store / "checkpoints" / "tiny"
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def wait_for_checkpoint(self, number: int) -> None:
        """Until there is this one, or a later one."""
        wait_for(lambda: self.newest_checkpoint() >= number, f"checkpoint {number}")

    def opened(self) -> Store:
        """The store, read anew."""
        return Store.open(self.store)


class Process(Protocol):
    """One that is watched."""

    @property
    def pid(self) -> int:
        """Its number."""

    def has_ended(self) -> bool:
        """Whether it is over."""

    def said(self) -> str:
        """All that it said so far."""


def training_of(worker: Process) -> psutil.Process:
    """The process of a worker's job, once there is one."""

    def look() -> psutil.Process | None:
        assert not worker.has_ended(), worker.said()
        commands = {child: child.cmdline() for child in psutil.Process(worker.pid).children()}
        others = [child for child, command in commands.items() if "runner.worker.reaper" not in command]
        # The reaper is started first, and looks like a job until it has become its own program.
        return others[0] if others and len(others) < len(commands) else None

    return wait_for(look, "the job's process begins")


def work(store: Path, *, once: bool) -> None:
    """A worker whose jobs are forked."""
    from runner.cli.app import main
    from runner.worker import process

    setattr(process, "subprocess", SimpleNamespace(Popen=fork_job, PIPE=-1, DEVNULL=-3))  # noqa: B010 - no attribute of its own
    os.environ.pop("UCURVE_QUEUE", None)
    main(["worker", f"--store={store}", *(["--once"] if once else [])])
