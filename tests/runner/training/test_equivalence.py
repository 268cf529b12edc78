"""A packed trial is the same trial trained alone with plain peft and torch.optim.AdamW."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import peft
import pytest
import torch
from transformers import LlamaForCausalLM

from runner.spec.plan import TrialPlan
from runner.training.adapter_files import save_adapter
from runner.training.adapters import Adapter
from runner.training.layout import IGNORED
from runner.training.packed_model import PackedModel
from runner.training.schedule import Schedule
from runner.training.tokenized import TokenizedData, data_order
from runner.training.trainer import Evaluation, PackedTrainer
from runner.training.trial_state import StepResult, TrialState, adapter_shape
from runner.training.workers import Workers
from tests.runner.training.conftest import ALL_TARGETS, make_llama, make_plan

MIXED = (
    make_plan(8, learning_rate=3e-3),
    make_plan(5, learning_rate=1e-2, seed=1, lora_rank=2, lora_alpha=16.0, batch_size=5),
    make_plan(8, learning_rate=1e-3, seed=2, lora_rank=8, batch_size=1, schedule="cosine", clip_norm=0.3),
    make_plan(6, learning_rate=2e-3, seed=3, batch_size=3, target_modules=("q_proj", "v_proj"), weight_decay=0.1),
    make_plan(7, learning_rate=5e-3, seed=4, lora_rank=3, schedule="constant", clip_norm=None, adam_beta2=0.95),
)


class Recorder:
    """Keeps what the trainer says."""

    def __init__(self) -> None:
        self.steps: dict[str, list[StepResult]] = {}
        self.evaluations: dict[str, list[Evaluation]] = {}
        self.ends: dict[str, tuple[str, str | None]] = {}
        self.adapters: dict[str, Adapter] = {}
        self.halved: list[tuple[int, int]] = []

    def started(self, state: TrialState) -> None:
        self.steps[state.run_id], self.evaluations[state.run_id] = [], []

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        assert step == len(self.steps[state.run_id])
        self.steps[state.run_id].append(result)

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        self.evaluations[state.run_id].append(evaluation)

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        self.ends[state.run_id] = (status, reason)
        self.adapters[state.run_id] = state.adapter

    def withdrawn(self, plan: TrialPlan) -> None:
        self.ends[plan.trial.run_id] = ("withdrawn", None)

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        self.halved.append((len(states), n_tokens))


def train_packed(
    plans: Sequence[TrialPlan], data: TokenizedData, *, n_slots: int, micro: int = 64, n_workers: int = 1
) -> Recorder:
    recorder = Recorder()
    trainer = PackedTrainer(
        PackedModel(make_llama()),
        lambda _plan: data,
        recorder,
        n_slots=n_slots,
        micro_batch_tokens=micro,
        workers=Workers(n_workers),
    )
    trainer.run(plans)
    return recorder


def train_alone(
    plan: TrialPlan, data: TokenizedData, start_folder: Path
) -> tuple[list[float], list[float], dict[str, torch.Tensor]]:
    """The plain loop: padded batch, HF's own forward pass and loss, peft's LoRA, torch's AdamW and clipping."""
    trial = plan.trial
    model = make_llama()
    model.set_attn_implementation("eager")
    sizes = {n: (m.in_features, m.out_features) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    sizes.pop("lm_head")
    start = Adapter(adapter_shape(plan), sizes, seed=trial.seed)
    save_adapter(start, start_folder, base_model="tiny")
    tuned = peft.PeftModel.from_pretrained(model, start_folder, is_trainable=True)
    parameters = [p for p in tuned.parameters() if p.requires_grad]
    betas = (trial.adam_beta1, trial.adam_beta2)
    optimizer = torch.optim.AdamW(parameters, betas=betas, eps=trial.adam_eps, weight_decay=trial.weight_decay)
    schedule = Schedule(trial.schedule, trial.learning_rate, trial.n_warmup_steps(plan.n_steps), plan.n_steps)
    order = data_order(len(data.train), trial.seed)
    losses, norms = [], []
    for step in range(plan.n_steps):
        batch = [data.train[next(order)] for _ in range(trial.batch_size)]
        width = max(len(e.token_ids) for e in batch)
        ids = torch.tensor([[*e.token_ids, *[0] * (width - len(e.token_ids))] for e in batch])
        mask = torch.tensor([[1] * len(e.token_ids) + [0] * (width - len(e.token_ids)) for e in batch])
        labels = torch.tensor([[*e.labels, *[-100] * (width - len(e.labels))] for e in batch])
        logits = tuned(input_ids=ids, attention_mask=mask).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        limit = math.inf if trial.clip_norm is None else trial.clip_norm
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, limit).item())
        optimizer.param_groups[0]["lr"] = schedule.at(step)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, norms, peft.get_peft_model_state_dict(tuned, save_embedding_layers=False)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm().clamp(min=1e-12))


@pytest.mark.parametrize(("n_slots", "n_workers"), [(2, 1), (5, 1), (5, 3)])
def test_packed_equals_alone(tmp_path: Path, tiny_data: TokenizedData, n_slots: int, n_workers: int) -> None:
    """Mixed ranks, batch sizes, learning rates, seeds, lengths, targets, schedules; slots refilled (2) or not (5)."""
    diverging = make_plan(6, learning_rate=1e30, seed=9, clip_norm=None, schedule="constant", warmup_steps=0)
    packed = train_packed([*MIXED[:2], diverging, *MIXED[2:]], tiny_data, n_slots=n_slots, n_workers=n_workers)
    for i, plan in enumerate(MIXED):
        losses, norms, tensors = train_alone(plan, tiny_data, tmp_path / str(i))
        run_id = plan.trial.run_id
        assert [s.train_loss for s in packed.steps[run_id]] == pytest.approx(losses, rel=1e-5)
        assert [s.grad_norm for s in packed.steps[run_id]] == pytest.approx(norms, rel=1e-5)
        ours = packed.adapters[run_id].state_dict()
        assert ours.keys() == tensors.keys()
        assert max(relative(ours[name], tensors[name]) for name in ours) < 1e-5
        assert packed.ends[run_id] == ("finished", None)
    status, reason = packed.ends[diverging.trial.run_id]
    assert status == "diverged"
    assert reason is not None
    assert reason.startswith("non-finite")
    assert not math.isfinite(packed.steps[diverging.trial.run_id][-1].train_loss)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_same_seed_gives_the_same_bits(tiny_data: TokenizedData, n_workers: int) -> None:
    first, second = (train_packed(MIXED, tiny_data, n_slots=3, n_workers=n_workers) for _ in range(2))
    assert first.steps == second.steps
    for run_id, adapter in first.adapters.items():
        assert torch.equal(adapter.parameter, second.adapters[run_id].parameter)


def test_saved_adapter_gives_the_same_logits_in_peft(
    tmp_path: Path, tiny_data: TokenizedData, llama: Callable[..., LlamaForCausalLM]
) -> None:
    plan = make_plan(4, learning_rate=2e-2, target_modules=ALL_TARGETS)
    packed = train_packed([plan], tiny_data, n_slots=1)
    save_adapter(packed.adapters[plan.trial.run_id], tmp_path / "adapter", base_model="tiny")
    loaded = peft.PeftModel.from_pretrained(llama(), tmp_path / "adapter").eval()
    total = count = 0.0
    for example in tiny_data.held_out:
        logits = loaded(input_ids=torch.tensor([example.token_ids])).logits[0]
        labels = torch.tensor(example.labels)
        total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        count += example.n_scored
    assert packed.evaluations[plan.trial.run_id][-1].eval_loss == pytest.approx(total / count, rel=1e-5)
    untouched = llama()(input_ids=torch.tensor([tiny_data.held_out[0].token_ids])).logits
    assert not torch.allclose(loaded(input_ids=torch.tensor([tiny_data.held_out[0].token_ids])).logits, untouched)


def test_micro_batches_change_nothing(tiny_data: TokenizedData) -> None:
    small, large = (train_packed(MIXED[:3], tiny_data, n_slots=3, micro=m) for m in (32, 4096))
    for run_id, steps in small.steps.items():
        assert [s.train_loss for s in steps] == pytest.approx([s.train_loss for s in large.steps[run_id]], rel=1e-5)


def with_prefix(data: TokenizedData, prefix: tuple[int, ...]) -> TokenizedData:
    """Every example after the same unscored tokens, as behind a system prompt."""
    parts = [
        tuple(e._replace(token_ids=prefix + e.token_ids, labels=(IGNORED,) * len(prefix) + e.labels) for e in part)
        for part in (data.train, data.held_out)
    ]
    return TokenizedData(parts[0], parts[1], 0)


def test_a_shared_prefix_is_computed_once_and_changes_nothing(tmp_path: Path, tiny_data: TokenizedData) -> None:
    data = with_prefix(tiny_data, (5, 17, 3, 44, 9, 60, 2))
    packed = train_packed(MIXED, data, n_slots=5, micro=4096)
    for i, plan in enumerate(MIXED):
        losses, norms, tensors = train_alone(plan, data, tmp_path / str(i))
        run_id = plan.trial.run_id
        assert [s.train_loss for s in packed.steps[run_id]] == pytest.approx(losses, rel=1e-5)
        assert [s.grad_norm for s in packed.steps[run_id]] == pytest.approx(norms, rel=1e-5)
        ours = packed.adapters[run_id].state_dict()
        assert max(relative(ours[name], tensors[name]) for name in ours) < 1e-5
