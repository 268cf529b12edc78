"""How a sweep tells a terminal (or nobody) how far it is."""

from dataclasses import dataclass, field
from typing import Protocol

from runner.evaluation.progress import ScoringProgress


@dataclass(slots=True)
class RunProgress:
    """One running trial, as a line of a progress view."""

    run_id: str
    name: str
    n_steps: int
    tokens_per_step: float
    """Mean processed tokens of an optimizer step."""
    started: float
    """When it entered the pack, on the monotonic clock (s)."""
    step: int = 0
    train_loss: float | None = None
    eval_loss: float | None = None
    lr_now: float | None = None

    def tokens_per_s(self, now: float) -> float | None:
        """Processed tokens per second of this trial so far; None before the first step."""
        return self.step * self.tokens_per_step / (now - self.started) if self.step and now > self.started else None

    def left_s(self, now: float) -> float | None:
        """Seconds to its end at the mean speed so far; None before the first step."""
        return (self.n_steps - self.step) * (now - self.started) / self.step if self.step else None


@dataclass(slots=True)
class SweepProgress:
    """The sweep so far: updated in place, read by the view whenever it draws."""

    sweep_id: str
    n_runs: int
    total_tokens: int
    """Tokens to process in training, all trials together."""
    done_tokens: int = 0
    n_skipped: int = 0
    """Runs that the store had already."""
    begun: set[str] = field(default_factory=set)
    """Ids of the runs that got a slot."""
    running: dict[str, RunProgress] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Statuses of the runs that ended, in order."""
    device: str | None = None
    """Where it computes; None before the model is loaded."""
    resumed_from: str | None = None
    """The checkpoint that training went on from, in words."""
    checkpoint_at: float | None = None
    """Seconds since 1970 of the newest checkpoint."""


class ProgressView(Protocol):
    """A terminal, a log, or nothing."""

    def say(self, text: str) -> None:
        """One sentence for the reader."""

    def changed(self, progress: SweepProgress) -> None:
        """Something moved; called after every optimizer step."""

    def run_ended(self, run: RunProgress, status: str, reason: str | None) -> None:
        """A run left the pack."""

    def scoring(self, progress: ScoringProgress) -> None:
        """A benchmark went on; called from any thread."""


class NoView:
    """Says nothing, for tests and scripts."""

    def say(self, text: str) -> None:
        """Says nothing."""

    def changed(self, progress: SweepProgress) -> None:
        """Shows nothing."""

    def run_ended(self, run: RunProgress, status: str, reason: str | None) -> None:
        """Shows nothing."""

    def scoring(self, progress: ScoringProgress) -> None:
        """Shows nothing."""
