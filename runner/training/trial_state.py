"""One trial while it trains: its adapter, optimizer, schedule, data order and clock."""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.spec.plan import TrialPlan
from runner.training.adapters import Adapter, AdapterShape
from runner.training.schedule import Schedule
from runner.training.tokenized import TokenizedData, TokenizedExample, data_order

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one optimizer step gave; non-finite numbers mean that the step was not applied."""

    train_loss: float
    lr_now: float
    grad_norm: float
    """Before clipping."""

    @property
    def problem(self) -> str | None:
        """Why the trial cannot go on, or None."""
        for what, value in (("loss", self.train_loss), ("gradient norm", self.grad_norm)):
            if not math.isfinite(value):
                return f"non-finite {what}"
        return None


@dataclass(frozen=True, slots=True)
class SavedTrial:
    """Everything of a trial that moves, between two steps: a `TrialState` made of it goes on bit by bit."""

    step: int
    """Optimizer steps done."""
    tokens_seen: int
    wall_s: float
    """Seconds in the pack so far."""
    n_drawn: int
    """Training examples taken from the data order so far."""
    tensors: Mapping[str, Tensor]
    """`parameter`, `dropout_rng` and, after a first step, AdamW's moments `exp_avg` and `exp_avg_sq`; on the CPU."""


class TrialState:
    """The moving parts of one trial; it knows nothing of the other trials in the pack."""

    def __init__(
        self,
        plan: TrialPlan,
        data: TokenizedData,
        module_sizes: Mapping[str, tuple[int, int]],
        *,
        device: torch.device,
        compute_dtype: torch.dtype,
        n_workers: int = 1,
    ) -> None:
        self.plan, self.trial, self.data = plan, plan.trial, data
        trial = plan.trial
        shape = adapter_shape(plan)
        self.adapter = Adapter(
            shape, module_sizes, seed=trial.seed, device=device, compute_dtype=compute_dtype, n_workers=n_workers
        )
        self.optimizer = torch.optim.AdamW(
            [self.adapter.parameter],
            lr=trial.learning_rate,
            betas=(trial.adam_beta1, trial.adam_beta2),
            eps=trial.adam_eps,
            weight_decay=trial.weight_decay,
            fused=True,
        )
        self.schedule = Schedule(trial.schedule, trial.learning_rate, trial.n_warmup_steps(plan.n_steps), plan.n_steps)
        self.order = data_order(len(data.train), trial.seed)
        self.evaluation_steps = frozenset(trial.evaluation_steps(plan.n_steps))
        self.step = 0
        self.tokens_seen = 0
        self.started = time.monotonic()

    @property
    def run_id(self) -> str:
        """Identity in the store."""
        return self.trial.run_id

    @property
    def is_done(self) -> bool:
        """Whether every step was taken."""
        return self.step >= self.plan.n_steps

    @property
    def wall_s(self) -> float:
        """Seconds since the trial entered the pack."""
        return time.monotonic() - self.started

    def save(self) -> SavedTrial:
        """What moves; on a CPU the tensors are the trial's own, so use them before the next step."""
        moments = self.optimizer.state.get(self.adapter.parameter, {})
        tensors = {name: moments[name].cpu() for name in _MOMENTS if name in moments}
        tensors["parameter"] = self.adapter.parameter.detach().cpu()
        tensors["dropout_rng"] = self.adapter.dropout_generator.get_state()
        return SavedTrial(self.step, self.tokens_seen, self.wall_s, self.step * self.trial.batch_size, tensors)

    def go_on_from(self, saved: SavedTrial) -> None:
        """Takes the place of the trial that was saved."""
        self.step, self.tokens_seen = saved.step, saved.tokens_seen
        self.started = time.monotonic() - saved.wall_s
        self.order = data_order(len(self.data.train), self.trial.seed, saved.n_drawn)
        with torch.no_grad():
            self.adapter.parameter.copy_(saved.tensors["parameter"])
        self.adapter.refresh()
        self.adapter.dropout_generator.set_state(saved.tensors["dropout_rng"])
        if saved.step:
            moments = {name: saved.tensors[name].clone() for name in _MOMENTS} | {
                "step": torch.tensor(float(saved.step))
            }
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": {0: moments}, "param_groups": groups})

    def next_batch(self) -> Sequence[TokenizedExample]:
        """The examples of the next optimizer step, `batch_size` of them, going on over the end of a pass."""
        return [self.data.train[i] for i in itertools.islice(self.order, self.trial.batch_size)]

    def apply_gradient(self, train_loss: float, n_scored: int) -> StepResult:
        """Clips, steps and clears the gradient; a non-finite one is cleared and not applied."""
        self.adapter.gather_gradient()
        norm: Tensor = torch.linalg.vector_norm(self.adapter.gradient)
        result = StepResult(train_loss, self.schedule.at(self.step), float(norm))
        if result.problem is None:
            if self.trial.clip_norm is not None and result.grad_norm > self.trial.clip_norm:
                # torch.nn.utils.clip_grad_norm_'s factor, with its 1e-6.
                self.adapter.gradient.mul_(self.trial.clip_norm / (norm + 1e-6))
            self.optimizer.param_groups[0]["lr"] = result.lr_now
            self.optimizer.step()
            self.adapter.refresh()
        self.adapter.clear_gradient()
        self.step += 1
        self.tokens_seen += n_scored
        return result


def adapter_shape(plan: TrialPlan) -> AdapterShape:
    """The LoRA adapter a trial asks for."""
    trial = plan.trial
    return AdapterShape(
        rank=trial.lora_rank,
        alpha=trial.lora_alpha,
        dropout=trial.lora_dropout,
        target_modules=trial.target_modules,
    )
