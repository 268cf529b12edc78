"""A pack that goes on from any checkpoint ends as the one that never stopped, bit by bit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from runner.spec.checkpoint import CheckpointSection
from runner.spec.plan import TrialPlan
from runner.training.checkpoint import PackCheckpoint, read_checkpoint
from runner.training.checkpoint_files import CheckpointShelf
from runner.training.checkpointing import Checkpointer, PackFacts
from runner.training.packed_model import PackedModel
from runner.training.tokenized import TokenizedData, data_order
from runner.training.trainer import Guidance, PackedTrainer, PackPosition
from runner.training.trial_state import StepResult, TrialState
from runner.training.workers import Workers
from tests.runner.training.conftest import make_llama, make_plan
from tests.runner.training.test_equivalence import Recorder
from tests.runner.training.test_trainer import SmallMemory

PLANS = (
    make_plan(8, learning_rate=3e-3, lora_dropout=0.2),
    make_plan(5, learning_rate=1e-2, seed=1, lora_rank=2, batch_size=5),
    make_plan(11, learning_rate=1e-3, seed=2, lora_rank=8, batch_size=1, schedule="cosine", evaluate_every=3),
    make_plan(6, learning_rate=2e-3, seed=3, batch_size=9, target_modules=("q_proj", "v_proj"), evaluate_at_start=True),
    make_plan(9, learning_rate=5e-3, seed=4, clip_norm=None, lora_dropout=0.1, adam_beta2=0.95),
)
"""More than fit at once, of different sizes; the fourth goes through the data more than once."""


class Keeper:
    """Writes a checkpoint between any two steps and reads it back at once."""

    def __init__(self, folder: Path) -> None:
        self.checkpoints: list[PackCheckpoint] = []
        shelf = CheckpointShelf(folder)
        facts = PackFacts(
            sweep_id="tiny",
            run_ids=tuple(plan.trial.run_id for plan in PLANS),
            attempts=dict.fromkeys((plan.trial.run_id for plan in PLANS), 1),
            planned_micro_batch_tokens=64,
            asked=(None, None),
            environment={},
        )
        cadence = CheckpointSection(every_minutes=None, every_steps=1, keep=100)
        self.said: list[str] = []
        self._write = Checkpointer(
            shelf, cadence, facts, flush=lambda: None, published=lambda _at: self._read(shelf), say=self.said.append
        )

    def _read(self, shelf: CheckpointShelf) -> None:
        newest = next(iter(shelf.newest_first()))
        assert isinstance(newest, Path)
        self.checkpoints.append(read_checkpoint(newest))

    def __call__(self, position: PackPosition, is_last: bool) -> None:
        self._write(position, is_last)


class Continued(Recorder):
    """Keeps the steps of trials that begin in the middle as well."""

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:  # noqa: ARG002
        self.steps[state.run_id].append(result)


def train(
    data: TokenizedData,
    plans: Sequence[TrialPlan],
    guidance: Guidance,
    checkpoint: PackCheckpoint | None = None,
    *,
    n_workers: int = 1,
    most_tokens: int = 10**9,
) -> Recorder:
    recorder, model = Continued(), SmallMemory(make_llama())
    model.most_tokens = most_tokens
    record = checkpoint.record if checkpoint else None
    trainer = PackedTrainer(
        model,
        lambda _plan: data,
        recorder,
        n_slots=record.n_slots if record else 3,
        micro_batch_tokens=record.micro_batch_tokens if record else 64,
        workers=Workers(n_workers),
    )
    trainer.run(plans, guidance, checkpoint.saved if checkpoint else None)
    return recorder


def go_on(data: TokenizedData, checkpoint: PackCheckpoint, n_workers: int = 1) -> Recorder:
    by_id = {plan.trial.run_id: plan for plan in PLANS}
    order = [*(trial.run_id for trial in checkpoint.record.active), *checkpoint.record.queue]
    return train(data, [by_id[run_id] for run_id in order], Guidance(), checkpoint, n_workers=n_workers)


def assert_same_end(whole: Recorder, resumed: Recorder, checkpoint: PackCheckpoint) -> None:
    assert {*resumed.ends} == {*checkpoint.saved, *checkpoint.record.queue}
    for run_id, steps in resumed.steps.items():
        assert resumed.ends[run_id] == whole.ends[run_id]
        assert steps == whole.steps[run_id][len(whole.steps[run_id]) - len(steps) :]
        n_before = len(whole.evaluations[run_id]) - len(resumed.evaluations[run_id])
        assert resumed.evaluations[run_id] == whole.evaluations[run_id][n_before:]
        assert torch.equal(resumed.adapters[run_id].parameter, whole.adapters[run_id].parameter)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_going_on_from_every_step_gives_the_same_bits(tiny_data: TokenizedData, tmp_path: Path, n_workers: int) -> None:
    keeper = Keeper(tmp_path / "checkpoints")
    whole = train(tiny_data, PLANS, Guidance(between_steps=keeper), n_workers=n_workers)
    assert len(keeper.checkpoints) == 16
    for checkpoint in keeper.checkpoints:
        resumed = go_on(tiny_data, checkpoint, n_workers)
        assert_same_end(whole, resumed, checkpoint)
        for trial in checkpoint.record.active:
            assert len(whole.steps[trial.run_id]) - len(resumed.steps[trial.run_id]) == trial.step


def test_a_second_kill_after_going_on(tiny_data: TokenizedData, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "first")
    whole = train(tiny_data, PLANS, Guidance(between_steps=keeper))
    first = keeper.checkpoints[4]
    by_id = {plan.trial.run_id: plan for plan in PLANS}
    order = [by_id[run_id] for run_id in [*first.saved, *first.record.queue]]
    again = Keeper(tmp_path / "second")
    train(tiny_data, order, Guidance(between_steps=again), first)
    for second in again.checkpoints[::3]:
        assert_same_end(whole, go_on(tiny_data, second), second)


def test_a_neighbour_that_is_let_go_changes_the_others_bits(tiny_data: TokenizedData, tmp_path: Path) -> None:
    """Why trials that ended after a checkpoint are computed again."""
    keeper = Keeper(tmp_path)
    whole = train(tiny_data, PLANS, Guidance(between_steps=keeper))
    checkpoint = keeper.checkpoints[1]
    gone, kept = [plan.trial.run_id for plan in PLANS[:2]]
    alone = train(tiny_data, PLANS[1:2], Guidance(), checkpoint)
    assert gone in checkpoint.saved
    assert not torch.equal(alone.adapters[kept].parameter, whole.adapters[kept].parameter)
    assert alone.steps[kept][-1].train_loss == pytest.approx(whole.steps[kept][-1].train_loss, rel=1e-4)


def test_training_does_not_draw_from_the_global_generator(tiny_data: TokenizedData) -> None:
    model = PackedModel(make_llama())
    before = torch.get_rng_state()
    PackedTrainer(model, lambda _plan: tiny_data, Recorder(), n_slots=3, micro_batch_tokens=64).run(PLANS)
    assert torch.equal(torch.get_rng_state(), before)


def test_memory_that_ran_out_stays_so_after_going_on(tiny_data: TokenizedData, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    whole = train(tiny_data, PLANS, Guidance(between_steps=keeper), most_tokens=40)
    assert whole.halved
    last = keeper.checkpoints[-1]
    assert (last.record.micro_batch_tokens, last.record.planned_micro_batch_tokens) == (whole.halved[-1][1], 64)
    for checkpoint in keeper.checkpoints[2::6]:
        assert_same_end(whole, go_on(tiny_data, checkpoint), checkpoint)


@pytest.mark.parametrize("n_drawn", [0, 1, 23, 24, 25, 100])
def test_the_place_in_the_data_is_found_again(n_drawn: int) -> None:
    whole, later = data_order(24, 7), data_order(24, 7, n_drawn)
    for _ in range(n_drawn):
        next(whole)
    assert [next(later) for _ in range(60)] == [next(whole) for _ in range(60)]


def steps_kept(
    cadence: CheckpointSection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, n_steps: int, seconds: float = 1.0
) -> list[int]:
    """Before which steps checkpoints are written; memory runs out in the seventh."""
    now, step, written = 0.0, 0, []
    facts = PackFacts(
        sweep_id="t", run_ids=(), attempts={}, planned_micro_batch_tokens=64, asked=(None, None), environment={}
    )
    checkpointer = Checkpointer(
        CheckpointShelf(tmp_path),
        cadence,
        facts,
        flush=lambda: None,
        published=lambda _at: None,
        say=lambda _text: None,
        clock=lambda: now,
    )
    monkeypatch.setattr(checkpointer, "_publish", lambda _position: written.append(step))
    for step in range(n_steps):
        active: list[Any] = [object()]
        checkpointer(PackPosition(active, [], 1, 32 if step >= 7 else 64), step == n_steps - 1)
        now += seconds
    return written


def test_checkpoints_come_by_steps_by_time_after_memory_ran_out_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_steps = CheckpointSection(every_minutes=None, every_steps=3)
    assert steps_kept(by_steps, tmp_path, monkeypatch, n_steps=12) == [3, 6, 7, 10, 11]
    by_time = CheckpointSection(every_minutes=0.1)
    assert steps_kept(by_time, tmp_path, monkeypatch, n_steps=12, seconds=2) == [3, 6, 7, 10, 11]
    assert steps_kept(CheckpointSection(), tmp_path, monkeypatch, n_steps=1) == []  # nothing was done since
