"""Child processes that write to a store, started quickly: the server they fork from has everything imported."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from analysis.store import MetricRow, Store, StoreWriter
from analysis.store.annotating import Wish, annotate
from analysis.store.annotations import Author, Subject

CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.analysis.store.processes"])


def write_commits(location: str, run_id: str, n_commits: int) -> None:
    """Appends `n_commits` times one row of the run and two metric rows."""
    store = Store.open(location, create=True)
    for step in range(n_commits):
        metrics = [MetricRow(run_id, 1, step, None, None, name, float(step)) for name in ("loss", "lr_now")]
        store.append(runs=[{"run_id": run_id, "status": "running"}], metrics=metrics)


def annotate_run(location: str, run_id: str, author: str, n_acts: int) -> None:
    """Gives the run, one act after the other, a tag of the author's own, one that others give too, and a note."""
    store, run = Store.open(location), Subject("run", run_id)
    for number in range(n_acts):
        wishes = [Wish(run, "tag", f"{author}-{number}"), Wish(run, "tag", "shared"), Wish(run, "note", f"n {number}")]
        annotate(store, wishes, Author(author, author, "command line"))


def train_forever(location: str, run_id: str, flushed_steps: multiprocessing.Queue[int]) -> None:
    """Logs one step after the other and flushes each; says which steps have been flushed."""
    store = Store.open(location, create=True)
    writer = StoreWriter(store, flush_every_s=1e9)
    writer.update_run({"run_id": run_id, "status": "running", "attempt": 1})
    for step in range(10**6):
        writer.log(run_id, 1, step, tokens_seen=step, wall_time=0.0, values={"loss": 1.0, "lr_now": 0.1})
        writer.flush()
        flushed_steps.put(step)
        if step % 7 == 6:
            store.compact()


@contextmanager
def running(processes: list[BaseProcess]) -> Iterator[list[BaseProcess]]:
    """The processes, started; none of them survives the block."""
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()
