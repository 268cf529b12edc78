"""Which try of a run logged a row, where the log does not say so but its steps go back."""

from __future__ import annotations

from collections.abc import Collection


class AttemptCounter:
    """Takes the rows of one run in the order in which they were logged.

    A row that goes back and logs a metric again at its step was logged by a later process. Going back alone says
    nothing: asynchronous evaluations log at steps long past.

    Attributes:
        attempt: Of the last row, from 1; 0 before the first.
        last_step: The largest step of this attempt; -1 before the first row.
        n_replaced: Rows that logged a metric again at the very step of the row before: the later value counts.
    """

    def __init__(self) -> None:
        self.attempt = 0
        self.last_step = -1
        self.n_replaced = 0
        self._names: dict[int, frozenset[str]] = {}
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def take(self, step: int, names: Collection[str]) -> int:
        """The attempt of a row."""
        before = self._names.get(step, frozenset())
        repeats = step <= self.last_step and not before.isdisjoint(names)
        if not self.attempt or (repeats and step < self.last_step):
            self.begin()
            before = frozenset()
        elif repeats:
            self.n_replaced += 1
        both = before.union(names)
        self._names[step] = self._known.setdefault(both, both)  # thousands of rows share a few sets
        self.last_step = max(self.last_step, step)
        return self.attempt

    def begin(self) -> None:
        """The next row is the first of another attempt."""
        self.attempt += 1
        self.last_step = -1
        self._names.clear()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided, for the user."""
        notes = []
        if self.attempt > 1:
            notes.append(f"the steps begin anew {self.attempt - 1} times, so there are {self.attempt} attempts")
        if self.n_replaced:
            notes.append(f"{self.n_replaced:,} rows logged a metric again at the same step: the last value counts")
        return tuple(notes)
