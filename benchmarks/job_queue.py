"""How fast the queue is, and what files alone would cost: `python -m benchmarks.job_queue [FOLDER]`.

The files do what a queue of files must do to keep the same promises: a submission is a file that is written, synced,
linked to its final name and synced in its folder; a claim is a rename that is synced in its folder.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.report import median, write_result
from runner.access.authority import Authority
from runner.access.local import command_line_person
from runner.queue.identity import this_process
from runner.queue.order import order_of
from runner.queue.queue import Queue
from runner.spec import parse_sweep_spec

N_JOBS = 300
N_ENDED = 10_000
TEXT = "name: tiny\nmodel: smollm2-135m\ndataset: skills\naxes: {learning_rate: [1e-4, 1e-3]}\nbudget: {steps: 10}\n"


def run(folder: Path) -> None:
    """Measures both in this folder and writes the result."""
    figures = {
        **{f"claims_per_s_of_{n}_workers": claims_per_s(folder / str(n), n) for n in (1, 2, 6)},
        "submit_ms": submit_ms(folder / "submit"),
        **listing_ms(folder / "long"),
        **files_ms(folder / "files"),
    }
    write_result("queue", "python -m benchmarks.job_queue", {name: round(value, 2) for name, value in figures.items()})


def submit_ms(folder: Path) -> float:
    """Median milliseconds of a submission, the check of the specification included."""
    queue, order, person = _open(folder), order_of(parse_sweep_spec(TEXT)), command_line_person()
    return median([_ms(partial(queue.submit, order, person, key=str(key))) for key in range(N_JOBS)])


def claims_per_s(folder: Path, n_workers: int) -> float:
    """Jobs per second that the workers together claim and end, each worker a process."""
    submit_ms(folder)
    processes = [multiprocessing.get_context("fork").Process(target=_work, args=(folder,)) for _ in range(n_workers)]
    before = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return N_JOBS / (time.perf_counter() - before)


def listing_ms(folder: Path) -> dict[str, float]:
    """Median milliseconds of looks at a queue with many ended jobs."""
    submit_ms(folder)
    queue = _open(folder)
    with queue._database.change() as db:
        db.execute(
            f"""WITH RECURSIVE n (i) AS (SELECT {N_JOBS} + 1 UNION ALL SELECT i + 1 FROM n WHERE i < {N_ENDED})
            INSERT INTO jobs SELECT i, 'tiny-' || i, 'key-' || i, work, person, submitted_at, signature, 'finished',
            NULL, i FROM jobs, n WHERE jobs.number = 1"""  # noqa: S608 - numbers
        )
    looks: dict[str, Callable[[], object]] = {
        "list_200_of_10300_ms": queue.jobs,
        "version_ms": queue.version,
        "open_requests_ms": lambda: queue.open_requests("tiny-5000"),
    }
    return {name: median([_ms(look) for _ in range(30)]) for name, look in looks.items()}


def files_ms(folder: Path) -> dict[str, float]:
    """Median milliseconds of the same with files: a submission, and a claim."""
    inbox, taken = folder / "inbox", folder / "taken"
    for each in (inbox, taken):
        each.mkdir(parents=True)

    def submit(number: int) -> None:
        draft = inbox / f"{number}.inprogress"
        with draft.open("wb") as file:
            file.write(TEXT.encode())
            os.fsync(file.fileno())
        os.link(draft, inbox / f"{number}.json")
        draft.unlink()
        _sync(inbox)

    def claim(number: int) -> None:
        (inbox / f"{number}.json").rename(taken / f"{number}.json")
        _sync(inbox)
        _sync(taken)

    return {
        "submit_with_files_ms": median([_ms(partial(submit, n)) for n in range(N_JOBS)]),
        "claim_with_files_ms": median([_ms(partial(claim, n)) for n in range(N_JOBS)]),
    }


def _open(folder: Path) -> Queue:
    return Queue.open(folder / "store", authority=Authority.local())


def _work(folder: Path) -> None:
    queue, worker_id = _open(folder), f"w{os.getpid()}"
    queue.register(worker_id, this_process())
    while (claim := queue.claim(worker_id)) is not None:
        queue.end(claim.job.job_id, claim.attempt, outcome="finished")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _ms(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return (time.perf_counter() - before) * 1e3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        run(Path(name))
