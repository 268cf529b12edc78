"""How an evaluation tells a terminal (or nobody) how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class ScoringProgress:
    """One benchmark under way; read by the view whenever it draws."""

    benchmark: str
    place: int
    """Of the benchmark, from 1."""
    n_benchmarks: int
    n_slots: int
    n_done: int = 0
    n_all: int = 0
    """Requests, over all slots; 0 before they are known."""
    started: float = field(default_factory=time.monotonic)

    def left_s(self, now: float) -> float | None:
        """Seconds to the benchmark's end at the mean speed so far; None before the first answer."""
        return (self.n_all - self.n_done) * (now - self.started) / self.n_done if self.n_done else None


class ScoringView(Protocol):
    """A terminal, a log, or nothing."""

    def say(self, text: str) -> None:
        """One sentence for the reader."""

    def scoring(self, progress: ScoringProgress) -> None:
        """Some more requests were answered; from any thread."""
