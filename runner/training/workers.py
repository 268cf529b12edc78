"""Threads that run micro-batches side by side on a CPU, one core each.

A packed step is thousands of small operations. Splitting each of them over the cores costs a barrier every time, and a
barrier waits for the scheduler as soon as anything else runs on the machine. Whole micro-batches meet once per step.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
_N_CORES = torch.get_num_threads()
"""Read before any pool lowers it: an evaluation after a sweep, in the same process, has as many."""


class Workers:
    """A fixed number of threads; one worker runs in the calling thread, with all of torch's own threads."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool = ThreadPoolExecutor(n_workers, "ucurve-worker") if n_workers > 1 else None
        if self._pool is not None:
            torch.set_num_threads(1)  # for the threads that start from here on as well

    @classmethod
    def for_device(cls, device: torch.device) -> "Workers":
        """As many as `n_workers_for`."""
        return cls(n_workers_for(device))

    def map(self, task: Callable[[T, int], R], items: Sequence[T]) -> list[R]:
        """`task(item, worker)` for every item, each on a worker of its own.

        Args:
            task: What to do.
            items: At most as many as there are workers.
        """
        if self._pool is None or len(items) <= 1:
            return [task(item, 0) for item in items]

        def work(item: T, worker: int) -> R:
            torch.set_num_threads(1)
            return task(item, worker)

        running = [self._pool.submit(work, item, worker) for worker, item in enumerate(items)]
        # Every worker ends before an error goes on: nothing may still write to the gradients then.
        errors = [error for future in running if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return [future.result() for future in running]


def n_workers_for(device: torch.device) -> int:
    """One per CPU core that torch would use; a GPU has its own parallelism."""
    return _N_CORES if device.type == "cpu" else 1
