"""What a sweep will take of memory and disk, from the model's configuration alone: no weights are loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from runner.spec.plan import TrialPlan
from runner.training.adapters import n_parameters
from runner.training.base_model import ModelFolder
from runner.training.hardware import free_memory_bytes, pick_device, resolve_precision
from runner.training.memory import PackLimits, PackSize, demand_of, plan_pack
from runner.training.packed_model import linear_sizes
from runner.training.tokenized import TokenizedData
from runner.training.trial_state import adapter_shape
from runner.training.workers import n_workers_for


@dataclass(frozen=True, slots=True)
class PackEstimate:
    """What training one group of trials over one base model takes.

    Attributes:
        pack: Trials at once, and the memory for them.
        free_bytes: What this machine has for the model and the pack now.
    """

    pack: PackSize
    free_bytes: int

    @property
    def n_bytes(self) -> int:
        """Of the model and the pack together."""
        return self.pack.base_bytes + self.pack.n_slots * self.pack.adapter_bytes + self.pack.activation_bytes


def estimate_pack(
    folder: ModelFolder,
    plans: Sequence[TrialPlan],
    data_of: Callable[[TrialPlan], TokenizedData],
    limits: PackLimits,
) -> PackEstimate:
    """The pack that training would take just now.

    Raises:
        EnvironmentProblem: not even one trial fits.
    """
    device = pick_device()
    dtype = resolve_precision(plans[0].trial.precision, device)
    model = _empty_model(folder)
    sizes = linear_sizes(model)
    base_bytes = sum(p.numel() for p in model.parameters()) * dtype.itemsize
    n_adapter_parameters = [n_parameters(adapter_shape(plan), sizes) for plan in plans]
    free_bytes = free_memory_bytes(device)
    pack = plan_pack(
        model.config,
        base_bytes,
        demand_of(plans, n_adapter_parameters, data_of),
        dtype=dtype,
        device=device,
        free_bytes=free_bytes - base_bytes,
        n_slots=limits.n_slots,
        micro_batch_tokens=limits.micro_batch_tokens,
        n_workers=n_workers_for(device),
    )
    return PackEstimate(pack, free_bytes)


def adapter_sizes(folder: ModelFolder, plans: Sequence[TrialPlan]) -> list[int]:
    """Trainable parameters of each plan's adapter."""
    sizes = linear_sizes(_empty_model(folder))
    return [n_parameters(adapter_shape(plan), sizes) for plan in plans]


def _empty_model(folder: ModelFolder) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
