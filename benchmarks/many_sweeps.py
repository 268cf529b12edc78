"""A store as a team has it after a year: sweeps of 100 runs, 5 metrics a run, 4 benchmarks for the finished ones.

Each sweep is one model, data set and rank; 2 batch sizes x 10 learning rates x 5 seeds; one run in twenty diverged.
Written through `Store.append` as Arrow tables, so that 10,000 runs of 1,000 steps (50 million values) take minutes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from analysis.store import EvalRow, RunRow, Store, canonical_json, run_id_of, trial_key

LEARNING_RATES: Final = tuple(10 ** (-5 + 0.3 * step) for step in range(10))
BATCH_SIZES: Final = (8, 32)
N_SEEDS: Final = 5
RUNS_PER_SWEEP: Final = len(LEARNING_RATES) * len(BATCH_SIZES) * N_SEEDS
METRICS: Final = ("train_loss", "eval_loss", "eval_bpb", "grad_norm", "lr_now")
_MODELS: Final = ("llama-3.2-1b", "llama-3.1-8b", "qwen3-4b", "qwen3-8b", "gemma-3-4b", "smollm2-135m")
_DATASETS: Final = ("support-2026", "code-review", "tool-use", "summaries", "legal-qa")
_RANKS: Final = (8, 16, 32, 64)
_BENCHMARKS: Final = {"arc_easy": 0.25, "hellaswag": 0.25, "gsm8k": 0.0, "ifeval": 0.0}
"""Benchmark -> score of guessing."""
_N_ITEMS: Final = 500
_DIVERGED_EVERY: Final = 20
_SWEEPS_AT_ONCE: Final = 10
_LAST: Final = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TeamRun:
    """One run; its values follow from its settings and its number alone."""

    number: int
    sweep: int
    model: str
    dataset: str
    lora_rank: int
    batch_size: int
    learning_rate: float
    seed: int

    @property
    def config(self) -> Mapping[str, object]:
        """What would be configured for such a run."""
        return {
            "model": self.model, "dataset": self.dataset, "learning_rate": self.learning_rate, "seed": self.seed,
            "batch_size": self.batch_size, "lora_rank": self.lora_rank, "lora_alpha": 2 * self.lora_rank,
            "lr_schedule": "cosine" if self.sweep % 3 else "linear", "warmup_ratio": 0.03, "weight_decay": 0.0,
            "optimizer": "adamw", "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}, "max_length": 2048,
            "precision": "bf16", "revision": f"r{self.sweep}",
        }  # fmt: skip

    @property
    def run_id(self) -> str:
        """Identity."""
        return run_id_of(trial_key(self.config), self.seed)

    @property
    def diverged(self) -> bool:
        """Whether its loss ended as NaN."""
        return self.number % _DIVERGED_EVERY == 0

    def final_loss(self, generator: np.random.Generator) -> float:
        """A U in ln(learning rate) around an optimum that moves with batch size and rank."""
        optimum = 2e-4 * math.sqrt(self.batch_size / 8) * (16 / self.lora_rank) ** 0.1
        return 2.0 + 0.04 * math.log(self.learning_rate / optimum) ** 2 + float(generator.normal(0, 0.01))

    def row(self, n_steps: int) -> RunRow:
        """Its row in the runs table."""
        config = self.config
        typed = ("model", "dataset", "learning_rate", "seed", "batch_size", "lora_rank", "lr_schedule", "optimizer")
        started = _LAST - timedelta(hours=3 * self.sweep, seconds=-self.number % RUNS_PER_SWEEP)
        return {
            **{key: config[key] for key in typed},
            "lora_alpha": float(2 * self.lora_rank), "weight_decay": 0.0, "max_steps": n_steps,
            "run_id": self.run_id, "trial_key": trial_key(config), "attempt": 1, "source": "ucurve",
            "status": "diverged" if self.diverged else "finished",
            "status_reason": f"non-finite loss at step {n_steps // 2}" if self.diverged else None,
            "sweep_id": f"sweep-{self.sweep:03d}", "name": f"{self.model} {self.dataset} {self.number}",
            "objective": "sft", "adapter": "lora", "tokenizer_id": self.model, "eval_set_id": self.dataset,
            "tokens_seen": n_steps * 8192, "wall_s": 0.5 * n_steps, "config_json": canonical_json(config),
            "provenance_json": json.dumps({"ucurve": "0", "python": "3", "command": "benchmarks.many_sweeps"}),
            "created_at": started, "updated_at": started + timedelta(seconds=0.5 * n_steps),
        }  # fmt: skip

    def values(self, n_steps: int) -> np.ndarray:
        """The logged values, shape (n_steps, len(METRICS))."""
        generator = np.random.default_rng(self.number)
        steps = np.arange(n_steps)
        loss = self.final_loss(generator) + 1.5 * np.exp(-5 * steps / n_steps)
        if self.diverged:
            loss[n_steps // 2 :] = math.nan
        evaluated = loss + generator.normal(0, 0.005, n_steps)
        rate = self.learning_rate * 0.5 * (1 + np.cos(math.pi * steps / n_steps))
        noise = generator.normal(0, 0.05, n_steps)
        return np.column_stack((loss + noise, evaluated, evaluated / 3, generator.lognormal(0, 0.3, n_steps), rate))

    def scores(self, n_steps: int) -> Iterator[EvalRow]:
        """What it got on each benchmark: the better the lower the loss."""
        generator = np.random.default_rng((1, self.number))
        skill = 2.7 - self.final_loss(np.random.default_rng(self.number))
        for name, chance in _BENCHMARKS.items():
            share = float(np.clip(chance + (1 - chance) * 0.6 * skill, 0.01, 0.99))
            score = float(generator.binomial(_N_ITEMS, share)) / _N_ITEMS
            error = math.sqrt(max(score * (1 - score), 1e-4) / _N_ITEMS)
            yield EvalRow(
                self.run_id, 1, n_steps, name, "acc", score, error, _N_ITEMS, chance, True, "ucurve", "0", f"{name}-1"
            )


def team_runs(n_runs: int) -> list[TeamRun]:
    """The runs of the newest sweeps; sweep 0 is the newest."""
    settings = product(_RANKS, _MODELS, _DATASETS)
    found: list[TeamRun] = []
    for sweep, (rank, model, dataset) in enumerate(islice(settings, math.ceil(n_runs / RUNS_PER_SWEEP))):
        for batch_size, rate, seed in product(BATCH_SIZES, LEARNING_RATES, range(N_SEEDS)):
            found.append(TeamRun(len(found), sweep, model, dataset, rank, batch_size, rate, seed))
    return found[:n_runs]


def sweep_names(n_runs: int) -> list[str]:
    """Ids of the sweeps that `team_runs` makes, the newest first."""
    return [f"sweep-{sweep:03d}" for sweep in range(math.ceil(n_runs / RUNS_PER_SWEEP))]


def write_team_store(folder: Path, n_runs: int, n_steps: int) -> Store:
    """The runs as a store: appended ten sweeps at a time, then compacted."""
    store = Store.open(folder, create=True)
    runs = team_runs(n_runs)
    at_once = _SWEEPS_AT_ONCE * RUNS_PER_SWEEP
    for first in range(0, len(runs), at_once):
        some = runs[first : first + at_once]
        store.append(
            runs=[run.row(n_steps) for run in some],
            metrics=metric_table(some, n_steps),
            evals=[score for run in some if not run.diverged for score in run.scores(n_steps)],
        )
    store.compact()
    return store


def metric_table(runs: list[TeamRun], n_steps: int) -> pa.Table:
    """Every value of some runs, run by run and step by step, as a trainer logs them."""
    per_run = n_steps * len(METRICS)
    steps = np.tile(np.repeat(np.arange(n_steps), len(METRICS)), len(runs))
    return pa.table(
        {
            "run_id": _dictionary(np.repeat(np.arange(len(runs)), per_run), [run.run_id for run in runs]),
            "attempt": np.ones(len(steps), dtype=np.int64),
            "step": steps,
            "tokens_seen": (steps + 1) * 8192,
            "wall_time": 0.5 * steps,
            "name": _dictionary(np.tile(np.arange(len(METRICS)), n_steps * len(runs)), list(METRICS)),
            "value": np.concatenate([run.values(n_steps).ravel() for run in runs]),
        }
    )


def _dictionary(numbers: np.ndarray, texts: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(texts, pa.string()))
