"""The packed trainer: many trials over one frozen base model, step by step together.

Every trial takes one optimizer step of its own per turn, with its own learning rate, schedule, clipping, optimizer,
data order and seed. A trial that ends leaves its slot to the next one in the queue.
"""

import itertools
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch

from runner.errors import EnvironmentProblem
from runner.spec.plan import TrialPlan
from runner.training.hardware import is_out_of_memory
from runner.training.layout import IGNORED, Row, lay_out, share_rows, split_rows
from runner.training.packed_model import PackedModel
from runner.training.tokenized import TokenizedData, TokenizedExample
from runner.training.trial_state import SavedTrial, StepResult, TrialState
from runner.training.workers import Workers

_LOGGER = logging.getLogger(__name__)

STOPPED = "stopped by the user"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Held-out loss of one trial."""

    eval_loss: float
    """Mean nats per scored token."""
    eval_bpb: float
    """Bits per UTF-8 byte of the scored text: comparable across tokenizers."""


class Observer(Protocol):
    """Who hears what happens; every call names the trial by its state, which must not be kept."""

    def started(self, state: TrialState) -> None:
        """The trial took a slot, with `state.step` steps done where it was saved before."""

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """Optimizer step `step` (0-based) was taken."""

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """The held-out loss after `state.step` steps."""

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """The trial leaves its slot: `finished`, `diverged` or `stopped`."""

    def withdrawn(self, plan: TrialPlan) -> None:
        """The trial leaves the queue: the user stopped it before it began."""

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        """Memory ran out; micro-batches now have at most `n_tokens` tokens, batches are as before."""


class PackPosition(NamedTuple):
    """A pack between two steps."""

    active: Sequence[TrialState]
    """In the order of their slots."""
    queue: Sequence[TrialPlan]
    """Those that wait, the next first."""
    n_slots: int
    micro_batch_tokens: int


def _never_leaves(_run_id: str, _step: int) -> bool:
    return False


def _goes_by(_position: PackPosition, _is_last: bool) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What a training is asked from outside, between two steps."""

    should_stop: Callable[[], bool] = bool
    """Whether all trials are to stop."""
    leaves: Callable[[str, int], bool] = _never_leaves
    """Whether a trial (its run id, the steps it has done) is to stop while the others go on."""
    between_steps: Callable[[PackPosition, bool], None] = _goes_by
    """Sees the pack between two steps; True with the last one before all trials stop. Its states must not be kept."""


UNGUIDED = Guidance()


class PackedTrainer:
    """Trains a queue of trials over one base model.

    Args:
        model: The patched base model.
        data_of: The tokenised data of a trial (cutting length and scored tokens can differ between trials).
        observer: Hears of every step.
        n_slots: Trials at once.
        micro_batch_tokens: Most tokens in one forward pass.
        workers: Runs micro-batches side by side.
    """

    def __init__(
        self,
        model: PackedModel,
        data_of: Callable[[TrialPlan], TokenizedData],
        observer: Observer,
        *,
        n_slots: int,
        micro_batch_tokens: int,
        workers: Workers | None = None,
    ) -> None:
        self.workers = workers or Workers(1)
        self.model, self.data_of, self.observer = model, data_of, observer
        self.n_slots, self.micro_batch_tokens = n_slots, micro_batch_tokens
        self._active: dict[int, TrialState] = {}
        self._saved: dict[str, SavedTrial] = {}
        self._untrained: dict[int, Evaluation] = {}

    def run(
        self, plans: Iterable[TrialPlan], guidance: Guidance = UNGUIDED, saved: Mapping[str, SavedTrial] | None = None
    ) -> None:
        """Trains every trial to its end, or until it is to stop.

        Args:
            plans: The queue.
            guidance: What is asked between two steps.
            saved: Trials that go on from where they were, by run id.
        """
        queue, self._saved = deque(plans), dict(saved or {})
        while self._drop_stopped(queue, guidance.leaves) or queue:
            self._refill(queue)
            is_last = guidance.should_stop()
            active = [self._active[slot] for slot in sorted(self._active)]
            guidance.between_steps(PackPosition(active, queue, self.n_slots, self.micro_batch_tokens), is_last)
            if is_last:
                for slot in list(self._active):
                    self._end(slot, "stopped", STOPPED)
                return
            self._train_step()
            self._evaluate_due()
            for slot in [s for s, state in self._active.items() if state.is_done]:
                self._end(slot, "finished", None)

    def _drop_stopped(self, queue: deque[TrialPlan], leaves: Callable[[str, int], bool]) -> bool:
        """Lets go of the trials that are to stop; returns whether any is left in the pack."""
        for plan in [plan for plan in queue if leaves(plan.trial.run_id, 0)]:
            queue.remove(plan)
            self.observer.withdrawn(plan)
        for slot, state in list(self._active.items()):
            if leaves(state.run_id, state.step):
                self._end(slot, "stopped", STOPPED)
        return bool(self._active)

    def _refill(self, queue: deque[TrialPlan]) -> None:
        for slot in range(self.n_slots):
            if queue and slot not in self._active:
                self._begin(slot, queue.popleft())

    def _begin(self, slot: int, plan: TrialPlan) -> None:
        state = self._active[slot] = TrialState(
            plan,
            self.data_of(plan),
            self.model.module_sizes,
            device=self.model.device,
            compute_dtype=self.model.compute_dtype,
            n_workers=self.workers.n_workers,
        )
        saved = self._saved.pop(state.run_id, None)
        if saved is not None:
            state.go_on_from(saved)
        self.observer.started(state)
        if saved is None and 0 in state.evaluation_steps:
            self.observer.evaluated(state, self._evaluate_untrained(state.data))

    def _end(self, slot: int, status: str, reason: str | None) -> None:
        self.observer.ended(self._active.pop(slot), status, reason)

    def _train_step(self) -> None:
        batches = {slot: state.next_batch() for slot, state in self._active.items()}
        n_scored = {slot: sum(e.n_scored for e in batch) for slot, batch in batches.items()}
        weights = {slot: 1 / n for slot, n in n_scored.items()}
        sums = self._with_less_memory(lambda: self._pass(batches, weights))
        for slot, state in list(self._active.items()):
            step = state.step
            result = state.apply_gradient(sums[slot] / n_scored[slot], n_scored[slot])
            self.observer.stepped(state, step, result)
            if result.problem is not None:
                self._end(slot, "diverged", f"{result.problem} at step {step}")

    def _evaluate_due(self) -> None:
        due = {slot: state for slot, state in self._active.items() if state.step in state.evaluation_steps}
        if not due:
            return
        batches = {slot: state.data.held_out for slot, state in due.items()}
        sums = self._with_less_memory(lambda: self._pass(batches, None))
        for slot, state in due.items():
            evaluation = _evaluation(sums[slot], state.data)
            self.observer.evaluated(state, evaluation)
            if not math.isfinite(evaluation.eval_loss):
                self._end(slot, "diverged", f"non-finite held-out loss after {state.step} steps")

    def _evaluate_untrained(self, data: TokenizedData) -> Evaluation:
        """B starts at zero, so every untrained adapter is the base model: measured once per data set."""
        if id(data) not in self._untrained:
            base_slot = self.n_slots  # no trial's: runs without an adapter
            sums = self._with_less_memory(lambda: self._pass({base_slot: data.held_out}, None))
            self._untrained[id(data)] = _evaluation(sums[base_slot], data)
        return self._untrained[id(data)]

    def _pass(
        self, batches: Mapping[int, Sequence[TokenizedExample]], token_weights: Mapping[int, float] | None
    ) -> dict[int, float]:
        """Sum of the negative log-likelihoods of each slot's batch; with weights, gradients as well."""
        rows = [Row(slot, e.token_ids, e.labels) for slot, batch in batches.items() for e in batch]
        adapters = {slot: state.adapter for slot, state in self._active.items()}
        sums = dict.fromkeys(batches, 0.0)
        unshared = {slot for slot, adapter in adapters.items() if token_weights and adapter.shape.dropout}

        def run(share: Sequence[Row], worker: int) -> list[dict[int, float]]:
            micro_batches = (
                lay_out(group, self.model.device, unshared_slots=unshared)
                for group in split_rows(share, self.micro_batch_tokens)
            )
            return [self.model.loss(m, adapters, token_weights=token_weights, worker=worker) for m in micro_batches]

        # Dropout masks come from one generator per trial: side by side their order would be left to chance.
        shares = share_rows([_scored_part(row) for row in rows], 1 if unshared else self.workers.n_workers)
        for found in itertools.chain.from_iterable(self.workers.map(run, shares)):
            for slot, nll in found.items():
                sums[slot] += nll
        return sums

    def _with_less_memory(self, attempt: Callable[[], dict[int, float]]) -> dict[int, float]:
        """Runs `attempt`; after an out-of-memory once more with half the micro-batch, the batch unchanged."""
        while True:
            dropout = {slot: s.adapter.dropout_generator.get_state() for slot, s in self._active.items()}
            try:
                return attempt()
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)
            for slot, state in self._active.items():
                state.adapter.clear_gradient()
                state.adapter.dropout_generator.set_state(dropout[slot])

    def _halve(self, error: Exception) -> None:
        longest = max(state.data.longest for state in self._active.values())
        if self.micro_batch_tokens <= longest:
            raise EnvironmentProblem(
                f"out of memory with {self.micro_batch_tokens} tokens in a micro-batch, which is one sequence; "
                "lower training.max_length, pack or lora_rank, or take a smaller model"
            ) from error
        self.micro_batch_tokens = max(self.micro_batch_tokens // 2, longest)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        _LOGGER.warning("out of memory: micro-batches of at most %d tokens from here", self.micro_batch_tokens)
        self.observer.micro_batch_halved(list(self._active.values()), self.micro_batch_tokens)


def _scored_part(row: Row) -> Row:
    """The row without the tokens after its last scored position: nothing depends on them."""
    last = max(t for t, label in enumerate(row.labels) if label != IGNORED)
    return Row(row.slot, row.token_ids[: last + 1], row.labels[: last + 1])


def _evaluation(nll_sum: float, data: TokenizedData) -> Evaluation:
    n_scored = sum(e.n_scored for e in data.held_out)
    n_bytes = sum(e.n_bytes for e in data.held_out)
    bits = nll_sum / math.log(2)
    return Evaluation(nll_sum / n_scored, bits / n_bytes if n_bytes else math.nan)
