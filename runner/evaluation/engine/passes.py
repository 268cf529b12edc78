"""Which requests and slots go through the model together, and what happens when memory runs out.

Requests come first: more of them in a tree share more, and a slot's low-rank products get larger. Slots fill up what a
few requests leave of a pass.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from threading import Lock
from typing import NamedTuple

import torch

from runner.errors import EnvironmentProblem
from runner.evaluation.engine.tree import split_requests
from runner.evaluation.requests import LikelihoodRequest, Progress
from runner.training.hardware import is_out_of_memory
from runner.training.workers import Workers

_LOGGER = logging.getLogger(__name__)


class Pass(NamedTuple):
    """One forward pass: some requests under some slots."""

    slots: tuple[int, ...]
    requests: list[int]
    """Indices, sorted by token ids."""
    n_tokens: int
    """Over all slots."""

    @property
    def n_answers(self) -> int:
        """Requests times slots."""
        return len(self.slots) * len(self.requests)


def plan_passes(
    requests: Sequence[LikelihoodRequest], chosen: Sequence[int], slots: Sequence[int], max_tokens: int
) -> Iterator[Pass]:
    """Passes of at most `max_tokens` tokens; a longer request under one slot gets a pass of its own.

    Args:
        requests: All of them.
        chosen: Indices of those to answer, sorted by their token ids.
        slots: Under which they are answered.
        max_tokens: Most tokens of a pass.
    """
    for group, n_tokens in split_requests(requests, chosen, max_tokens):
        n_at_once = max(1, max_tokens // n_tokens)
        for start in range(0, len(slots), n_at_once):
            some = tuple(slots[start : start + n_at_once])
            yield Pass(some, group, len(some) * n_tokens)


def even_size(n_tokens: int, max_tokens: int, n_workers: int) -> int:
    """The size of passes, at most `max_tokens`, of which every worker gets equally many."""
    return max(1, ceil(n_tokens / (n_workers * ceil(n_tokens / (n_workers * max_tokens)))))


class PassQueue:
    """Passes that workers take one after another, in smaller pieces once memory ran out.

    Args:
        passes: What is to be done.
        split: Gives the pieces of a pass, each of at most so many tokens if it can be.
        progress: Hears how many answers are there; one call at a time, from any worker.
    """

    def __init__(
        self,
        passes: Sequence[Pass],
        split: Callable[[Pass, int], Sequence[Pass]],
        progress: Progress | None = None,
    ) -> None:
        self._waiting, self._split, self._progress = deque(passes), split, progress
        self._n_done, self._n_all = 0, sum(p.n_answers for p in passes)
        self._max_tokens = max((p.n_tokens for p in passes), default=0)
        self._lock = Lock()

    def run(self, task: Callable[[Pass, int], None], workers: Workers) -> None:
        """`task(pass, worker)` for every pass.

        Raises:
            EnvironmentProblem: Memory does not hold one request under one slot.
        """
        try:
            workers.map(lambda _, worker: self._work(task, worker), [None] * workers.n_workers)
        finally:
            self._waiting.clear()  # after an interrupt, which only this thread sees

    def _work(self, task: Callable[[Pass, int], None], worker: int) -> None:
        try:
            while self._waiting:
                self._take(task, worker)
        except BaseException:
            self._waiting.clear()  # the others end with the pass they are at
            raise

    def _take(self, task: Callable[[Pass, int], None], worker: int) -> None:
        try:
            work = self._waiting.popleft()
        except IndexError:  # another worker was faster
            return
        if work.n_tokens > self._max_tokens and work.n_answers > 1:
            self._waiting.extendleft(self._split(work, self._max_tokens))
            return
        try:
            task(work, worker)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._halve(work, error)
        else:
            self._report(work)

    def _halve(self, work: Pass, error: Exception) -> None:
        if work.n_answers == 1:
            raise EnvironmentProblem(
                f"out of memory with one request of {work.n_tokens} tokens; leave out the longest "
                "items, or take a smaller model"
            ) from error
        self._max_tokens = max(1, min(self._max_tokens, work.n_tokens // 2))
        self._waiting.appendleft(work)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _LOGGER.warning("out of memory: passes of at most %d tokens from here", self._max_tokens)

    def _report(self, work: Pass) -> None:
        with self._lock:
            self._n_done += work.n_answers
            if self._progress is not None:
                self._progress(self._n_done, self._n_all)
