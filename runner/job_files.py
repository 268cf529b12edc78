"""The two small files between a training process and whoever watches it: how far it is, and which runs are to stop.

`ucurve sweep --status-file` writes the first, about once a second; `--control-file` reads the second between two steps.
Both are replaced whole, so that a reader sees the old or the new one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Phase = Literal["preparing", "training", "scoring", "done"]


class RunStatus(BaseModel):
    """One run in the pack.

    Attributes:
        run_id: Its id in the store.
        name: Its settings in short, for people.
        step: Optimizer steps done.
        n_steps: Optimizer steps it has.
        train_loss: Of the last step, in nats per token; None before it, and where it was not finite.
        eval_loss: The last held-out loss; None before it.
        learning_rate_now: Of the last step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    run_id: str
    name: str
    step: int
    n_steps: int
    train_loss: float | None = None
    eval_loss: float | None = None
    learning_rate_now: float | None = None


class JobStatus(BaseModel):
    """How far a training process is.

    Attributes:
        sweep_id: What it trains.
        phase: What it does just now.
        n_runs: Runs of the sweep.
        n_skipped: Of these, the store had already.
        counts: Runs that ended in this process, by status.
        done_tokens: Processed training tokens so far, those of a resumed checkpoint left out.
        total_tokens: To be processed, all runs of this process together.
        tokens_per_s: Over about the last half minute; None before it is known.
        left_s: Seconds to the end of training at that speed; None before it is known.
        running: The runs in the pack.
        device: Where it computes, in words.
        device_memory_bytes: In use on the accelerator; None on a CPU.
        device_utilisation: Share from 0 to 1, where the driver tells; None where not.
        resumed_from: The checkpoint it went on from, in words; None for a fresh start.
        checkpoint_at: Seconds since 1970 of the newest checkpoint; None without one.
        messages: The last sentences said, the newest last.
        updated_at: Seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    sweep_id: str
    phase: Phase
    n_runs: int
    n_skipped: int = 0
    counts: dict[str, int] = {}
    done_tokens: int = 0
    total_tokens: int = 0
    tokens_per_s: float | None = None
    left_s: float | None = None
    running: tuple[RunStatus, ...] = ()
    device: str | None = None
    device_memory_bytes: int | None = None
    device_utilisation: float | None = None
    resumed_from: str | None = None
    checkpoint_at: float | None = None
    messages: tuple[str, ...] = ()
    updated_at: float


class JobControl(BaseModel):
    """What a running sweep is asked: run ids that leave the pack with status `stopped`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stop_runs: tuple[str, ...] = ()
