"""When a pack is kept, and what happens around it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.spec.checkpoint import CheckpointSection
from runner.training.checkpoint import PackCheckpoint, PackRecord, TrialRecord, write_checkpoint
from runner.training.checkpoint_files import CheckpointShelf
from runner.training.trainer import PackPosition
from runner.training.trial_state import SavedTrial, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFacts:
    """What a checkpoint says of its pack that does not change while it trains.

    Attributes:
        sweep_id: The sweep.
        run_ids: All runs of the sweep file, in order.
        attempts: Under which attempt each run's rows are in the store.
        planned_micro_batch_tokens: Most tokens in one pass, before memory ran out.
        asked: What the sweep file said of trials at once and of these tokens, where it did.
        environment: What decides the bits of the result.
    """

    sweep_id: str
    run_ids: tuple[str, ...]
    attempts: Mapping[str, int]
    planned_micro_batch_tokens: int
    asked: tuple[int | None, int | None]
    environment: Mapping[str, str]


class Checkpointer:
    """Writes a checkpoint when one is due: by time, by steps, after memory ran out, and at a clean stop.

    It is a convenience: where it cannot be written, training goes on, and the one before stays.

    Args:
        shelf: Where they go.
        cadence: How often, and how many stay.
        facts: What each of them says.
        flush: Makes the store hold all metrics up to here: a checkpoint must never be ahead of them.
        published: Hears of every new one, in seconds since 1970.
        say: Tells the reader one sentence.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        shelf: CheckpointShelf,
        cadence: CheckpointSection,
        facts: PackFacts,
        *,
        flush: Callable[[], None],
        published: Callable[[float], None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf, self._cadence, self._facts = shelf, cadence, facts
        self._flush, self._published, self._say, self._clock = flush, published, say, clock
        self._last_at = clock()
        self._n_steps = -1  # it is asked before the first step
        self._micro_batch_tokens: int | None = None

    def __call__(self, position: PackPosition, is_last: bool) -> None:
        """Between two steps; `is_last` before a clean stop."""
        self._n_steps += 1
        if position.active and self._is_due(position, is_last):
            self._flush()
            self._publish(position)
            self._last_at, self._n_steps = self._clock(), 0
        self._micro_batch_tokens = position.micro_batch_tokens

    def _is_due(self, position: PackPosition, is_last: bool) -> bool:
        if self._n_steps == 0:
            return False
        minutes, steps = self._cadence.every_minutes, self._cadence.every_steps
        return (
            is_last
            or (minutes is not None and self._clock() - self._last_at >= 60 * minutes)
            or (steps is not None and self._n_steps >= steps)
            or position.micro_batch_tokens != self._micro_batch_tokens
        )

    def _publish(self, position: PackPosition) -> None:
        made_at = time.time()
        saved = {state.run_id: state.save() for state in position.active}
        record = PackRecord(
            sweep_id=self._facts.sweep_id,
            made_at=made_at,
            run_ids=self._facts.run_ids,
            active=tuple(self._trial_record(state, saved[state.run_id]) for state in position.active),
            queue=tuple(plan.trial.run_id for plan in position.queue),
            n_slots=position.n_slots,
            micro_batch_tokens=position.micro_batch_tokens,
            planned_micro_batch_tokens=self._facts.planned_micro_batch_tokens,
            asked=self._facts.asked,
            environment=dict(self._facts.environment),
        )
        checkpoint = PackCheckpoint(record, saved)
        try:
            self._shelf.publish(lambda folder: write_checkpoint(folder, checkpoint), keep=self._cadence.keep)
        except OSError as problem:
            self._say(f"no checkpoint was written ({os.strerror(problem.errno or errno.EIO)}); the one before stays")
        else:
            self._published(made_at)

    def _trial_record(self, state: TrialState, saved: SavedTrial) -> TrialRecord:
        return TrialRecord(
            run_id=state.run_id,
            attempt=self._facts.attempts[state.run_id],
            step=saved.step,
            tokens_seen=saved.tokens_seen,
            wall_s=saved.wall_s,
            n_drawn=saved.n_drawn,
        )
