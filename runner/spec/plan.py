"""What a sweep will cost before it starts: steps per trial, tokens, and time where a speed was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.errors import ConfigError
from runner.spec.trial import Trial

FORWARD_SHARE = 1 / 3  # an evaluated token costs a forward pass; training adds a backward pass of about twice that
FEW_STEPS = 10  # our choice: below this a schedule has no shape, and a loss-versus-LR curve says little


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceStats:
    """What tokenising the data showed, for one maximal length and one choice of trained tokens."""

    n_train: int
    n_evaluated: int
    mean_tokens: float
    """Tokens of a training sequence, prompt included: what a pass through the model costs."""
    mean_trained_tokens: float
    """Tokens of a training sequence that the loss counts: what a token budget counts."""


StatsOf = Callable[[Trial], SequenceStats]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """One trial's share of the work."""

    trial: Trial
    n_steps: int
    n_evaluations: int
    passes: float
    """How often each training example is seen, on average."""
    trained_tokens: int
    processed_tokens: int
    evaluated_tokens: int

    def to_json(self) -> dict[str, object]:
        """Returns the trial's identity, settings and cost."""
        return {
            "run_id": self.trial.run_id,
            "trial_key": self.trial.trial_key,
            "seed": self.trial.seed,
            "learning_rate": self.trial.learning_rate,
            "batch_size": self.trial.batch_size,
            "lora_rank": self.trial.lora_rank,
            "n_steps": self.n_steps,
            "n_warmup_steps": self.trial.n_warmup_steps(self.n_steps),
            "n_evaluations": self.n_evaluations,
            "passes": self.passes,
            "trained_tokens": self.trained_tokens,
            "processed_tokens": self.processed_tokens,
            "evaluated_tokens": self.evaluated_tokens,
            "config": dict(self.trial.config),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole sweep: its trials in running order and what they cost together."""

    sweep_id: str
    trials: tuple[TrialPlan, ...]
    tokens_per_s: float | None
    """Measured processed training tokens per second, all trials together; None when nothing was measured."""
    notes: tuple[str, ...]

    @property
    def n_configurations(self) -> int:
        """Trials without their seeds."""
        return len({plan.trial.trial_key for plan in self.trials})

    @property
    def trained_tokens(self) -> int:
        """Tokens the losses count."""
        return sum(plan.trained_tokens for plan in self.trials)

    @property
    def processed_tokens(self) -> int:
        """Tokens that go through the model in training, prompts included, padding not."""
        return sum(plan.processed_tokens for plan in self.trials)

    @property
    def evaluated_tokens(self) -> int:
        """Tokens that go through the model in evaluation."""
        return sum(plan.evaluated_tokens for plan in self.trials)

    @property
    def expected_s(self) -> float | None:
        """Seconds the sweep should take; None without a measured speed."""
        if self.tokens_per_s is None:
            return None
        return (self.processed_tokens + FORWARD_SHARE * self.evaluated_tokens) / self.tokens_per_s

    def to_json(self) -> dict[str, object]:
        """Returns totals, notes and every trial."""
        return {
            "sweep_id": self.sweep_id,
            "n_runs": len(self.trials),
            "n_configurations": self.n_configurations,
            "trained_tokens": self.trained_tokens,
            "processed_tokens": self.processed_tokens,
            "evaluated_tokens": self.evaluated_tokens,
            "tokens_per_s": self.tokens_per_s,
            "expected_s": self.expected_s,
            "notes": list(self.notes),
            "runs": [plan.to_json() for plan in self.trials],
        }


def make_plan(sweep_id: str, trials: Sequence[Trial], stats_of: StatsOf, *, tokens_per_s: float | None = None) -> Plan:
    """Returns steps and cost of every trial; `stats_of` is asked per trial because lengths and masks can be axes."""
    plans = tuple(_plan_trial(trial, stats_of(trial)) for trial in trials)
    return Plan(
        sweep_id=sweep_id, trials=plans, tokens_per_s=tokens_per_s, notes=(*_step_notes(plans), *_warnings(plans))
    )


def count_steps(trial: Trial, stats: SequenceStats) -> int:
    """Returns the optimizer steps of a trial's budget, at least one.

    A token budget counts trained tokens and is rounded up to whole steps, so that no trial gets less than it.

    Raises:
        ConfigError: a token budget, but no token that is trained on.
    """
    if trial.max_steps is not None:
        return trial.max_steps
    if trial.epochs is not None:
        n_sequences = trial.epochs * stats.n_train
    else:
        if stats.mean_trained_tokens <= 0:
            raise ConfigError(
                f"no token of the training examples counts with max_length {trial.max_length} and loss_on "
                f"{trial.loss_on!r}; raise training.max_length or write loss_on: all"
            )
        n_sequences = (trial.token_budget or 0) / stats.mean_trained_tokens
    # Rounded before the ceiling, so that 0.1 + 0.2 epochs are not one step more than 0.3.
    return max(1, math.ceil(round(n_sequences / trial.batch_size, 6)))


def _plan_trial(trial: Trial, stats: SequenceStats) -> TrialPlan:
    n_steps = count_steps(trial, stats)
    n_sequences = n_steps * trial.batch_size
    n_evaluations = len(trial.evaluation_steps(n_steps))
    n_measured = min(stats.n_evaluated, trial.evaluate_max_examples)
    return TrialPlan(
        trial=trial,
        n_steps=n_steps,
        n_evaluations=n_evaluations,
        passes=n_sequences / stats.n_train,
        trained_tokens=round(n_sequences * stats.mean_trained_tokens),
        processed_tokens=round(n_sequences * stats.mean_tokens),
        evaluated_tokens=round(n_evaluations * n_measured * stats.mean_tokens),
    )


def _step_notes(plans: Sequence[TrialPlan]) -> list[str]:
    """Says in words that one budget means different step counts at different batch sizes."""
    steps: dict[int, set[int]] = {}
    for plan in plans:
        steps.setdefault(plan.trial.batch_size, set()).add(plan.n_steps)
    if len(steps) < 2 or len(set().union(*steps.values())) < 2:
        return []
    counts = ", ".join(f"batch size {size}: {_numbers(steps[size])} steps" for size in sorted(steps))
    budget = plans[0].trial
    what = f"{budget.token_budget:,} trained tokens" if budget.token_budget else f"{budget.epochs:g} epochs"
    return [f"Every trial gets {what}, so larger batches take fewer steps ({counts})."]


def _numbers(values: set[int]) -> str:
    return str(min(values)) if len(values) == 1 else f"{min(values)} to {max(values)}"


def _warnings(plans: Sequence[TrialPlan]) -> list[str]:
    warnings = []
    n_short = sum(plan.n_steps < FEW_STEPS for plan in plans)
    if n_short:
        warnings.append(f"{n_short} of {len(plans)} runs take fewer than {FEW_STEPS} steps; a larger budget says more.")
    most = max((plan.passes for plan in plans), default=0.0)
    if most > 1 and not any(plan.trial.epochs for plan in plans):
        warnings.append(f"The budget passes over the training examples up to {most:.1f} times.")
    return warnings
