"""Small made-up stores in every state a dashboard can meet, written through the store's own writer path."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.store import MetricRow, RunRow, Store, run_id_of, trial_key

OPTIMUM = 4e-4
N_STEPS = 24
NOW = datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class FakeRun:
    """One made-up run: its hyperparameters and how it ended."""

    learning_rate: float
    batch_size: int = 8
    lora_rank: int = 8
    seed: int = 0
    status: str = "finished"
    n_steps: int = N_STEPS
    sweep_id: str = "demo-a"
    started: datetime = NOW - timedelta(minutes=30)
    name: str | None = None
    model: str = "smollm2-135m"
    cliff: float = 0.0  # nats added per e-fold of learning rate above 4e-3

    @property
    def config(self) -> dict[str, object]:
        return {
            "model": self.model,
            "model_hidden_size": 576,
            "model_type": "llama",
            "dataset": "stdlib-docstrings",
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "lora_rank": self.lora_rank,
            "lora_alpha": 2.0 * self.lora_rank,
            "lr_schedule": "cosine",
            "adam": {"beta1": 0.9, "beta2": 0.999},
        }

    @property
    def trial(self) -> str:
        return trial_key(self.config)

    @property
    def run_id(self) -> str:
        return run_id_of(self.trial, self.seed)

    def loss_at(self, step: int) -> float:
        """A loss that falls towards a U in ln(learning_rate); deterministic noise per seed."""
        final = 2.1 + 0.06 * math.log(self.learning_rate / (OPTIMUM * math.sqrt(self.batch_size / 8))) ** 2
        final += self.cliff * max(0.0, math.log(self.learning_rate / 4e-3))
        noise = 0.006 * math.sin(37.0 * self.seed + 1e4 * self.learning_rate + self.batch_size)
        return final + noise + 1.5 * math.exp(-5.0 * step / N_STEPS)

    def row(self) -> RunRow:
        final = self.status not in {"running", "queued"}
        return {
            "run_id": self.run_id,
            "trial_key": self.trial,
            "seed": self.seed,
            "status": self.status,
            "status_reason": "non-finite loss at step 12" if self.status == "diverged" else None,
            "name": self.name or f"lr {self.learning_rate:.1e} bs {self.batch_size} seed {self.seed}",
            "sweep_id": self.sweep_id,
            "source": "ucurve",
            "attempt": 1,
            "tokenizer_id": "tok-1",
            "eval_set_id": "eval-1",
            "objective": "sft",
            "adapter": "lora",
            "max_steps": N_STEPS,
            "optimizer": "adamw",
            "weight_decay": 0.0,
            "device": "cpu",
            "tokens_seen": self.n_steps * self.batch_size * 80 if final else None,
            "wall_s": 1.5 * self.n_steps if final else None,
            "config_json": json.dumps(self.config),
            "created_at": self.started,
            "updated_at": self.started + timedelta(seconds=1.5 * self.n_steps if final else 0.0),
            **{
                key: self.config[key]
                for key in ("model", "dataset", "learning_rate", "batch_size", "lora_rank", "lora_alpha", "lr_schedule")
            },
        }

    def metrics(self) -> Iterator[MetricRow]:
        diverges_at = N_STEPS // 2 if self.status == "diverged" else N_STEPS
        for step in range(self.n_steps if self.status != "queued" else 0):
            loss = math.nan if step >= diverges_at else self.loss_at(step)
            yield from self._logged(step, {"train_loss": loss, "lr_now": self.learning_rate, "grad_norm": 1.0})
            if step % 8 == 0:
                yield from self._logged(step, {"eval_loss": loss + 0.05, "eval_bpb": loss / 3})
        if self.status in {"finished", "diverged"}:
            loss = math.nan if self.status == "diverged" else self.loss_at(N_STEPS)
            yield from self._logged(self.n_steps, {"eval_loss": loss + 0.05, "eval_bpb": loss / 3})

    def _logged(self, step: int, values: dict[str, float]) -> Iterator[MetricRow]:
        for name, value in values.items():
            yield MetricRow(self.run_id, 1, step, step * self.batch_size * 80, 1.5 * step, name, value)


LEARNING_RATES = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3)


def write_store(folder: Path, runs: list[FakeRun]) -> Path:
    """A store with these runs."""
    store = Store.open(folder, create=True)
    if runs:
        metrics = [row for run in runs for row in run.metrics()]
        store.append(runs=[run.row() for run in runs], metrics=metrics)
    return folder


def one_run() -> list[FakeRun]:
    return [FakeRun(learning_rate=2e-4)]


def all_diverged() -> list[FakeRun]:
    return [FakeRun(learning_rate=rate, status="diverged") for rate in (1e-2, 2e-2, 4e-2)]


def mixed() -> list[FakeRun]:
    """A sweep of two batch sizes and two seeds with some diverged and one failed run, and an older sweep."""
    runs = [
        FakeRun(
            learning_rate=rate,
            batch_size=size,
            seed=seed,
            status="diverged" if rate > 2e-3 and size == 8 else "finished",
        )
        for rate in LEARNING_RATES
        for size in (8, 16)
        for seed in (0, 1)
    ]
    older = NOW - timedelta(days=2)
    runs += [FakeRun(learning_rate=rate, lora_rank=16, sweep_id="older", started=older) for rate in LEARNING_RATES[1:5]]
    return [*runs, FakeRun(learning_rate=1e-4, seed=7, status="failed", n_steps=3)]


def half_finished() -> list[FakeRun]:
    """A sweep in the middle: some runs finished, two running, the rest waiting."""
    states = ("finished", "finished", "finished", "running", "running", "queued", "queued")
    lengths = (N_STEPS, N_STEPS, N_STEPS, 14, 9, 0, 0)
    started = datetime.now(UTC) - timedelta(seconds=20)
    runs = [
        FakeRun(learning_rate=rate, status=status, n_steps=n, started=started)
        for rate, status, n in zip(LEARNING_RATES, states, lengths, strict=True)
    ]
    return [replace(run, started=started - timedelta(minutes=2)) if run.status == "finished" else run for run in runs]


def cliff() -> list[FakeRun]:
    """A sweep as wide as the demo's: the upper end is a cliff of several nats."""
    rates = (1e-4, 3.1e-4, 9.8e-4, 3.1e-3, 9.5e-3, 3e-2)
    return [FakeRun(learning_rate=rate, batch_size=size, cliff=3.0) for rate in rates for size in (4, 16)]


STATES: dict[str, Callable[[], list[FakeRun]]] = {
    "empty": list,
    "one_run": one_run,
    "all_diverged": all_diverged,
    "half_finished": half_finished,
    "mixed": mixed,
    "cliff": cliff,
}
