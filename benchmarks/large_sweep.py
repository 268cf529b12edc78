"""A made-up sweep of any size, written through `Store.append`: what the benchmark of large stores asks about."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from analysis.store import MetricRow, RunRow, Store, canonical_json, run_id_of, trial_key

LEARNING_RATES: Final = tuple(10 ** (-5 + 0.3 * step) for step in range(10))
N_SEEDS: Final = 10
N_STEPS: Final = 500
METRICS: Final = ("train_loss", "eval_loss", "grad_norm", "lr_now")
_RUNS_AT_ONCE: Final = 50
_STARTED: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MODELS: Final = ("meta-llama/Llama-3.2-1B", "Qwen/Qwen3-4B")
_BATCH_SIZES: Final = (4, 8, 16, 32, 64)
_RANKS: Final = (4, 8, 16, 32, 64)
SETTINGS: Final = tuple((model, rank, size) for model in _MODELS for rank in _RANKS for size in _BATCH_SIZES)
"""50 settings; with 10 learning rates and 10 seeds each 5,000 runs."""


@dataclass(frozen=True, slots=True)
class LargeRun:
    """One run: a setting, a learning rate, a seed. Its values follow from these alone."""

    number: int
    model: str
    lora_rank: int
    batch_size: int
    learning_rate: float
    seed: int

    @property
    def config(self) -> Mapping[str, object]:
        """What would be configured for such a run."""
        return {
            "model": self.model, "dataset": "made-up", "learning_rate": self.learning_rate, "seed": self.seed,
            "batch_size": self.batch_size, "lora_rank": self.lora_rank, "lora_alpha": 2 * self.lora_rank,
            "lr_schedule": "cosine", "warmup_ratio": 0.03, "weight_decay": 0.0, "optimizer": "adamw",
            "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, "max_length": 2048, "precision": "bf16",
        }  # fmt: skip

    @property
    def run_id(self) -> str:
        """Identity."""
        return run_id_of(trial_key(self.config), self.seed)

    def values(self) -> dict[str, list[float]]:
        """Metric -> one value a step, shape (N_STEPS,): losses that fall towards a U in ln(learning rate)."""
        generator = np.random.default_rng(self.number)
        steps = np.arange(N_STEPS)
        optimum = 2e-4 * math.sqrt(self.batch_size / 8) * (16 / self.lora_rank) ** 0.1
        final = 2.0 + 0.04 * math.log(self.learning_rate / optimum) ** 2 + generator.normal(0, 0.01)
        loss = final + 1.5 * np.exp(-5 * steps / N_STEPS)
        return {
            "train_loss": (loss + generator.normal(0, 0.05, N_STEPS)).tolist(),
            "eval_loss": (loss + generator.normal(0, 0.005, N_STEPS)).tolist(),
            "grad_norm": generator.lognormal(0, 0.3, N_STEPS).tolist(),
            "lr_now": (self.learning_rate * 0.5 * (1 + np.cos(math.pi * steps / N_STEPS))).tolist(),
        }

    def row(self) -> RunRow:
        """Its row in the runs table."""
        config = self.config
        typed = ("model", "dataset", "learning_rate", "seed", "batch_size", "lora_rank", "lr_schedule", "optimizer")
        started = _STARTED + timedelta(seconds=self.number)
        return {
            **{key: config[key] for key in typed},
            "lora_alpha": float(2 * self.lora_rank), "weight_decay": 0.0, "max_steps": N_STEPS,
            "run_id": self.run_id, "trial_key": trial_key(config), "status": "finished", "attempt": 1,
            "source": "ucurve", "sweep_id": "large", "name": f"run {self.number}", "objective": "sft",
            "adapter": "lora", "tokenizer_id": self.model, "eval_set_id": "made-up", "tokens_seen": N_STEPS * 8192,
            "wall_s": 250.0, "config_json": canonical_json(config),
            "provenance_json": json.dumps({"ucurve": "0", "python": "3", "command": "benchmarks.large_store"}),
            "created_at": started, "updated_at": started + timedelta(seconds=250),
        }  # fmt: skip

    def metric_rows(self) -> Iterator[MetricRow]:
        """Its rows in the metrics table, in the order in which a trainer logs them."""
        values, run_id = self.values(), self.run_id
        for step in range(N_STEPS):
            for name in METRICS:
                yield MetricRow(run_id, 1, step, (step + 1) * 8192, 0.5 * step, name, values[name][step])


def large_runs(n_settings: int) -> list[LargeRun]:
    """All runs of the first settings, in a random but fixed order, as workers of a cluster would finish them."""
    grid = list(product(SETTINGS[:n_settings], LEARNING_RATES, range(N_SEEDS)))
    order = np.random.default_rng(0).permutation(len(grid))
    return [
        LargeRun(number, model, rank, size, rate, seed)
        for number, ((model, rank, size), rate, seed) in enumerate(grid[index] for index in order)
    ]


def write_store(folder: Path, n_settings: int) -> Store:
    """The sweep as a store: appended run by run, then compacted."""
    store = Store.open(folder, create=True)
    runs = large_runs(n_settings)
    for first in range(0, len(runs), _RUNS_AT_ONCE):
        some = runs[first : first + _RUNS_AT_ONCE]
        store.append(runs=[run.row() for run in some], metrics=[row for run in some for row in run.metric_rows()])
    store.compact()
    return store
