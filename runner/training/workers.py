"""Threads that run micro-batches side by side on a CPU, one core each.

A packed step is thousands of small operations. Splitting each of them over the cores costs a barrier every time, and a
barrier waits for the scheduler as soon as anything else runs on the machine. Whole micro-batches meet once per step.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from runner.training.layout import Row

T = TypeVar("T")


class Workers:
    """A fixed number of threads; one worker runs in the calling thread, with all of torch's own threads."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool = ThreadPoolExecutor(n_workers, "ucurve-worker") if n_workers > 1 else None
        if self._pool is not None:
            torch.set_num_threads(1)  # for the threads that start from here on as well

    @classmethod
    def for_device(cls, device: torch.device) -> "Workers":
        """One per CPU core that torch would use; a GPU has its own parallelism."""
        return cls(torch.get_num_threads() if device.type == "cpu" else 1)

    def map(self, task: Callable[[Sequence[Row], int], T], groups: Sequence[Sequence[Row]], n_workers: int) -> list[T]:
        """`task(group, worker)` for every group; which worker gets which does not depend on timing.

        Returns:
            The results in the order of `groups`.
        """
        if self._pool is None or n_workers == 1:
            return [task(group, 0) for group in groups]
        shares = balance([sum(len(row.token_ids) for row in group) for group in groups], n_workers)

        def work(worker: int) -> list[tuple[int, T]]:
            torch.set_num_threads(1)
            return [(i, task(groups[i], worker)) for i in shares[worker]]

        running = [self._pool.submit(work, worker) for worker in range(n_workers)]
        # Every worker ends before an error goes on: nothing may still write to the gradients then.
        errors = [error for future in running if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return [result for _, result in sorted((r for f in running for r in f.result()), key=lambda pair: pair[0])]


def balance(costs: Sequence[float], n_workers: int) -> list[list[int]]:
    """Indices for each worker: the costliest first, always to the one with the least so far.

    >>> balance([5, 3, 3], 2)
    [[0], [1, 2]]
    """
    shares: list[list[int]] = [[] for _ in range(n_workers)]
    loads = [0.0] * n_workers
    for index in sorted(range(len(costs)), key=lambda i: -costs[i]):
        worker = loads.index(min(loads))
        shares[worker].append(index)
        loads[worker] += costs[index]
    return shares
