"""Two observers as one: the store first, then the copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.tracking.wandb_mirror import WandbMirror

if TYPE_CHECKING:
    from runner.spec.plan import TrialPlan
    from runner.sweep_observer import SweepObserver
    from runner.training.trainer import Evaluation
    from runner.training.trial_state import StepResult, TrialState


class Both:
    """Passes everything on to the store's observer, then to the mirror."""

    def __init__(self, store: SweepObserver, mirror: WandbMirror) -> None:
        self._store, self._mirror = store, mirror

    def started(self, state: TrialState) -> None:
        """The trial took a slot."""
        self._store.started(state)
        self._mirror.started(state)

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """A step was taken."""
        self._store.stepped(state, step, result)
        self._mirror.stepped(state, step, result)

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """The held-out loss was measured."""
        self._store.evaluated(state, evaluation)
        self._mirror.evaluated(state, evaluation)

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """The trial left its slot."""
        self._store.ended(state, status, reason)
        self._mirror.ended(state, status, reason)

    def failed(self, reason: str) -> None:
        """The pack broke."""
        self._store.failed(reason)
        self._mirror.failed(reason)

    def withdrawn(self, plan: TrialPlan) -> None:
        """A trial left the queue; the mirror has not heard of it."""
        self._store.withdrawn(plan)

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        """Memory ran out."""
        self._store.micro_batch_halved(states, n_tokens)
