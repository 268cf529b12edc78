"""One run of a sweep: a configuration and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.store.identity import run_id_of, trial_key


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration with a seed, typed for the trainer and canonical for the store.

    Exactly one of `max_steps`, `epochs`, `token_budget` is set, and exactly one of `warmup_steps`, `warmup_ratio`.
    """

    config: Mapping[str, object]
    """What changes the result, JSON-able, without the seed; keys are the store's column names where it has one."""
    seed: int
    learning_rate: float
    batch_size: int
    lora_rank: int
    lora_alpha: float
    lora_dropout: float
    target_modules: tuple[str, ...]
    schedule: Literal["constant", "linear", "cosine"]
    warmup_steps: int | None
    warmup_ratio: float | None
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    adam_eps: float
    clip_norm: float | None
    max_length: int
    precision: Literal["auto", "float32", "bfloat16"]
    loss_on: Literal["response", "all"]
    max_steps: int | None
    epochs: float | None
    token_budget: int | None
    evaluate_every: float | None
    evaluate_max_examples: int
    evaluate_at_start: bool

    @property
    def trial_key(self) -> str:
        """Hash of the configuration without the seed: replicates share it."""
        return trial_key(self.config)

    @property
    def run_id(self) -> str:
        """Identity of this run in the store."""
        return run_id_of(self.trial_key, self.seed)

    def n_warmup_steps(self, n_steps: int) -> int:
        """Returns the optimizer steps of linear warm-up in a run of `n_steps`, never more than that."""
        if self.warmup_steps is not None:
            return min(self.warmup_steps, n_steps)
        return min(round((self.warmup_ratio or 0.0) * n_steps), n_steps)

    def evaluation_steps(self, n_steps: int) -> tuple[int, ...]:
        """Returns after how many finished steps the held-out loss is measured, rising; the last is `n_steps`."""
        every = n_steps if self.evaluate_every is None else self.evaluate_every
        gap = max(1, round(every * n_steps)) if every < 1 else int(every)
        first = 0 if self.evaluate_at_start else gap
        return tuple(sorted({*range(first, n_steps, gap), n_steps}))
