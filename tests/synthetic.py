"""A small sweep whose truth is known: a parabola in ln(learning rate), one diverged run, one running, one failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from analysis.store import EvalRow, MetricRow, RunRow, Store, canonical_json, run_id_of, trial_key

LEARNING_RATES: Final = (1e-4, 4e-4, 1.6e-3, 6.4e-3)
OPTIMUM: Final = {4: 4e-4, 16: 1.6e-3}
"""Batch size -> the learning rate at which the loss is lowest."""
SEEDS: Final = (0, 1)
N_STEPS: Final = 10
LOWEST_LOSS: Final = 1.5
CURVATURE: Final = 0.05
SEED_EFFECT: Final = 0.01
_START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class SweepRun:
    """One run of the synthetic sweep."""

    learning_rate: float
    batch_size: int
    seed: int
    status: str = "finished"
    status_reason: str | None = None

    @property
    def config(self) -> dict[str, object]:
        return {
            "learning_rate": self.learning_rate, "batch_size": self.batch_size, "seed": self.seed,
            "model_hidden_size": 576, "model_type": "llama", "note": "it's",
        }  # fmt: skip

    @property
    def run_id(self) -> str:
        return run_id_of(trial_key(self.config), self.seed)

    @property
    def final_loss(self) -> float:
        distance = math.log(self.learning_rate / OPTIMUM[self.batch_size])
        return LOWEST_LOSS + CURVATURE * distance**2 + SEED_EFFECT * self.seed

    @property
    def row(self) -> RunRow:
        started = _START + timedelta(minutes=10 * self.batch_size + self.seed, seconds=self.learning_rate * 1e4)
        return {
            "run_id": self.run_id, "trial_key": trial_key(self.config), "source": "ucurve", "sweep_id": "synthetic",
            "name": f"lr {self.learning_rate:g}, batch {self.batch_size}, seed {self.seed}", "tags": ["synthetic"],
            "status": self.status, "status_reason": self.status_reason, "attempt": 1, "seed": self.seed,
            "model": "smollm2-135m", "tokenizer_id": "smollm2", "dataset": "stdlib-docstrings", "eval_set_id": "e1",
            "objective": "sft", "adapter": "lora", "learning_rate": self.learning_rate, "lr_schedule": "linear",
            "batch_size": self.batch_size, "lora_rank": 8, "lora_alpha": 16.0, "target_modules": ["q_proj", "v_proj"],
            "optimizer": "adamw", "max_steps": N_STEPS, "config_json": canonical_json(self.config),
            "created_at": started, "updated_at": started + timedelta(minutes=5),
        }  # fmt: skip

    @property
    def metrics(self) -> list[MetricRow]:
        """Losses that fall to `final_loss`; NaN from step 7 on where the run diverged."""
        n_steps = 4 if self.status == "running" else N_STEPS
        return [row for step in range(n_steps) for row in self._metrics_of(step)]

    def _metrics_of(self, step: int) -> list[MetricRow]:
        loss = self.final_loss + 2.0 * math.exp(-float(step)) if step < N_STEPS - 1 else self.final_loss
        if self.status == "diverged" and step >= 7:
            loss = math.nan
        named = {"train_loss": loss, "lr_now": self.learning_rate * (1 - step / N_STEPS)}
        if step in {0, 3, N_STEPS - 1}:
            named["eval_loss"] = loss
        tokens = 100 * self.batch_size * (step + 1)
        return [MetricRow(self.run_id, 1, step, tokens, 0.5 * step, name, value) for name, value in named.items()]


def sweep_runs() -> list[SweepRun]:
    """2 batch sizes x 4 learning rates x 2 seeds; the highest rate at batch size 4 diverged for seed 1."""
    return [_sweep_run(lr, batch, seed) for batch in OPTIMUM for lr in LEARNING_RATES for seed in SEEDS]


def _sweep_run(lr: float, batch: int, seed: int) -> SweepRun:
    if (lr, batch, seed) == (LEARNING_RATES[-1], 4, 1):
        return SweepRun(lr, batch, seed, "diverged", "non-finite loss at step 7")
    return SweepRun(lr, batch, seed)


def other_runs() -> list[SweepRun]:
    """One run that still trains, and one that failed before its first step."""
    return [SweepRun(5e-5, 4, 0, "running"), SweepRun(5e-5, 4, 1, "failed", "out of memory")]


def fill(store: Store) -> Store:
    """`store` with the whole synthetic sweep and one benchmark score."""
    runs = sweep_runs()
    running, failed = other_runs()
    score = EvalRow(runs[0].run_id, 1, N_STEPS, "arc_easy", "acc", 0.5, 0.02, 100, 0.25, True, "lm-eval")
    store.append(
        runs=[run.row for run in [*runs, running, failed]],
        metrics=[row for run in [*runs, running] for row in run.metrics],
        evals=[score],
    )
    return store
