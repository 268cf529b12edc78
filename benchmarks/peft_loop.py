"""The loop that everybody writes: one trial at a time with peft, on the batches that the packed trainer would use."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import peft
import torch

from runner.spec.plan import TrialPlan
from runner.sweep import PreparedSweep
from runner.training.base_model import load_model
from runner.training.layout import IGNORED
from runner.training.schedule import Schedule
from runner.training.tokenized import TokenizedExample, data_order


@dataclass(frozen=True)
class LoopResult:
    """One trial of the loop."""

    learning_rate: float
    n_tokens: int
    """Real tokens processed in training, padding not counted."""
    train_s: float
    eval_loss: float | None


def train_alone(sweep: PreparedSweep, plan: TrialPlan, dtype: torch.dtype, *, evaluate: bool) -> LoopResult:
    """Trains one plan with `peft` and `torch.optim.AdamW`; the base model is loaded anew and not timed."""
    trial, data = plan.trial, sweep.data_of(plan)
    torch.manual_seed(trial.seed)
    base = load_model(sweep.folder, dtype, torch.device("cpu"))
    config = peft.LoraConfig(r=trial.lora_rank, lora_alpha=trial.lora_alpha, target_modules=list(trial.target_modules))
    model = peft.get_peft_model(base, config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(trial.adam_beta1, trial.adam_beta2), weight_decay=0.0)
    schedule = Schedule(trial.schedule, trial.learning_rate, trial.n_warmup_steps(plan.n_steps), plan.n_steps)
    order = data_order(len(data.train), trial.seed)
    n_tokens, started = 0, time.perf_counter()
    for step in range(plan.n_steps):
        batch = [data.train[next(order)] for _ in range(trial.batch_size)]
        n_tokens += sum(len(e.token_ids) for e in batch)
        _loss(model, batch).backward()  # type: ignore[no-untyped-call]
        if trial.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, trial.clip_norm)
        optimizer.param_groups[0]["lr"] = schedule.at(step)
        optimizer.step()
        optimizer.zero_grad()
    train_s = time.perf_counter() - started
    return LoopResult(trial.learning_rate, n_tokens, train_s, _evaluate(model, data.held_out) if evaluate else None)


def _loss(model: torch.nn.Module, batch: Sequence[TokenizedExample]) -> torch.Tensor:
    width = max(len(e.token_ids) for e in batch)
    ids = torch.tensor([[*e.token_ids, *[0] * (width - len(e.token_ids))] for e in batch])
    mask = torch.tensor([[1] * len(e.token_ids) + [0] * (width - len(e.token_ids)) for e in batch])
    # Ours are shifted already; the model shifts its labels itself.
    labels = torch.tensor([[IGNORED, *e.labels[:-1], *[IGNORED] * (width - len(e.labels))] for e in batch])
    loss: torch.Tensor = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    return loss


@torch.no_grad()
def _evaluate(model: torch.nn.Module, examples: Sequence[TokenizedExample]) -> float:
    model.eval()
    total = sum(_loss(model, [e]).item() * e.n_scored for e in examples)
    return total / sum(e.n_scored for e in examples)
