"""What a checkpoint of a pack holds: every trial's moving parts, the queue, and what the pack computed with.

`pack.safetensors` has the tensors (`RUN_ID/parameter`, `/exp_avg`, `/exp_avg_sq`, `/dropout_rng`), `state.json` the
rest.
Between two steps gradients are zero and nothing else moves: torch's global generator is not used in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file
from torch import Tensor

from runner.training.tensor_files import save_tensors
from runner.training.trial_state import SavedTrial

_TENSORS: Final = "pack.safetensors"
_STATE: Final = "state.json"


class TrialRecord(BaseModel):
    """The numbers of one trial in the pack.

    Attributes:
        run_id: Its id in the store.
        attempt: Under which its rows up to here are in the store.
        step: Optimizer steps done.
        tokens_seen: Trained tokens so far.
        wall_s: Seconds in the pack so far.
        n_drawn: Training examples taken from its data order so far.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    attempt: int
    step: int
    tokens_seen: int
    wall_s: float
    n_drawn: int


class PackRecord(BaseModel):
    """A pack between two steps, without its tensors.

    Attributes:
        sweep_id: The sweep.
        made_at: Seconds since 1970.
        run_ids: All runs of the sweep file, in order.
        active: The trials in the pack, in the order of their slots.
        queue: Run ids of those that wait, the next first.
        n_slots: Trials at once.
        micro_batch_tokens: Most tokens in one pass.
        planned_micro_batch_tokens: The same before memory ran out.
        asked: What the sweep file said of both, where it did.
        environment: What decides the bits of the result: versions, device, precision, workers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    sweep_id: str
    made_at: float
    run_ids: tuple[str, ...]
    active: tuple[TrialRecord, ...]
    queue: tuple[str, ...]
    n_slots: int
    micro_batch_tokens: int
    planned_micro_batch_tokens: int
    asked: tuple[int | None, int | None]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class PackCheckpoint:
    """A pack between two steps."""

    record: PackRecord
    saved: Mapping[str, SavedTrial]
    """The moving parts of the active trials, by run id."""


def write_checkpoint(folder: Path, checkpoint: PackCheckpoint) -> None:
    """Writes the two files.

    Raises:
        OSError: there is no room, or the disk fails.
    """
    tensors = {
        f"{run_id}/{name}": tensor.contiguous()
        for run_id, saved in checkpoint.saved.items()
        for name, tensor in saved.tensors.items()
    }
    save_tensors(tensors, folder / _TENSORS)
    (folder / _STATE).write_text(checkpoint.record.model_dump_json(indent=1), encoding="utf-8")


def read_checkpoint(folder: Path) -> PackCheckpoint:
    """The checkpoint in a folder whose files are those that were written.

    Raises:
        ValueError: another version of Ucurve wrote it, in another form.
    """
    record = PackRecord.model_validate_json((folder / _STATE).read_bytes())
    by_trial: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(folder / _TENSORS).items():
        run_id, _, part = name.rpartition("/")
        by_trial.setdefault(run_id, {})[part] = tensor
    saved = {
        t.run_id: SavedTrial(
            step=t.step, tokens_seen=t.tokens_seen, wall_s=t.wall_s, n_drawn=t.n_drawn, tensors=by_trial[t.run_id]
        )
        for t in record.active
    }
    return PackCheckpoint(record, saved)
