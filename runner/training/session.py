"""One base model in one precision, and the trials that train over it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

import torch

from runner.errors import ConfigError
from runner.spec.plan import TrialPlan
from runner.training.adapters import n_parameters, unmatched_targets
from runner.training.base_model import ModelFolder, load_model
from runner.training.hardware import (
    describe_device,
    free_memory_bytes,
    keep_freed_memory,
    pick_device,
    resolve_precision,
    training_environment,
)
from runner.training.memory import PackLimits, PackSize, demand_of, plan_pack
from runner.training.packed_model import PackedModel
from runner.training.tokenized import TokenizedData
from runner.training.trainer import UNGUIDED, Guidance, Observer, PackedTrainer
from runner.training.trial_state import SavedTrial, adapter_shape
from runner.training.workers import Workers, n_workers_for


class TrainingSession:
    """Holds the loaded base model and trains plans of one precision over it."""

    def __init__(
        self,
        folder: ModelFolder,
        plans: Sequence[TrialPlan],
        data_of: Callable[[TrialPlan], TokenizedData],
        limits: PackLimits,
    ) -> None:
        keep_freed_memory()
        self.device = pick_device()
        self.dtype = resolve_precision(plans[0].trial.precision, self.device)
        self.plans, self._data_of = plans, data_of
        self._workers = Workers.for_device(self.device)
        network = load_model(folder, self.dtype, self.device)
        self.model = PackedModel(network)
        self._check_targets(folder.model_id)
        self.pack: PackSize = plan_pack(
            network.config,
            sum(p.numel() * p.element_size() for p in network.parameters()),
            demand_of(plans, [n_parameters(adapter_shape(p), self.model.module_sizes) for p in plans], data_of),
            dtype=self.dtype,
            device=self.device,
            free_bytes=free_memory_bytes(self.device),
            n_slots=limits.n_slots,
            micro_batch_tokens=limits.micro_batch_tokens,
            n_workers=self._workers.n_workers,
        )

    @property
    def device_name(self) -> str:
        """For the runs table."""
        return describe_device(self.device)

    def facts(self) -> dict[str, object]:
        """Precision and pack, for a run's provenance."""
        return {"precision": str(self.dtype).removeprefix("torch."), "pack": asdict(self.pack)}

    def train(
        self, observer: Observer, guidance: Guidance = UNGUIDED, saved: Mapping[str, SavedTrial] | None = None
    ) -> None:
        """Trains every plan to its end, or until it is to stop, as `PackedTrainer.run`."""
        trainer = PackedTrainer(
            self.model,
            self._data_of,
            observer,
            n_slots=self.pack.n_slots,
            micro_batch_tokens=self.pack.micro_batch_tokens,
            workers=self._workers,
        )
        trainer.run(self.plans, guidance, saved)

    def _check_targets(self, model_id: str) -> None:
        for plan in self.plans:
            missing = unmatched_targets(adapter_shape(plan), self.model.module_sizes)
            if missing:
                valid = sorted({name.rsplit(".", 1)[-1] for name in self.model.module_sizes})
                raise ConfigError(
                    f"target_modules names {missing} but model '{model_id}' has no such linear layers; "
                    f"choose among {', '.join(valid)}"
                )


def group_by_precision(plans: Iterable[TrialPlan]) -> list[list[TrialPlan]]:
    """Plans that can share a base model, each group in its order."""
    groups: dict[torch.dtype, list[TrialPlan]] = {}
    device = pick_device()
    for plan in plans:
        groups.setdefault(resolve_precision(plan.trial.precision, device), []).append(plan)
    return list(groups.values())


def here(plans: Sequence[TrialPlan]) -> dict[str, str]:
    """What the bits of training these plans, of one precision, depend on in this process."""
    device = pick_device()
    return training_environment(device, resolve_precision(plans[0].trial.precision, device), n_workers_for(device))
