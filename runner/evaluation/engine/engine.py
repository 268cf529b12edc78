"""The engine: adapters in slots over one base model, asked for likelihoods and for text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from runner.evaluation.engine.adapters import FrozenAdapter, load_adapter
from runner.training.base_model import ModelFolder, load_model, load_tokenizer
from runner.training.hardware import Precision, describe_device, keep_freed_memory, pick_device, resolve_precision
from runner.training.packed_model import PackedModel
from runner.training.workers import Workers


class PackedEngine:
    """Adapters over one frozen base model; implements `runner.evaluation.requests.Engine`.

    Args:
        model: The patched base model.
        adapters: The adapter of each slot by the slot's name; None runs the base model as it is.
        tokenizer: The model's own.
        context_length: Most tokens of one sequence.
        micro_batch_tokens: Most tokens in one forward pass.
        workers: Runs forward passes side by side.
    """

    def __init__(
        self,
        model: PackedModel,
        adapters: Mapping[str, FrozenAdapter | None],
        tokenizer: PreTrainedTokenizerBase,
        *,
        context_length: int,
        micro_batch_tokens: int = 4096,
        workers: Workers | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.adapters = {i: adapter for i, adapter in enumerate(adapters.values()) if adapter is not None}
        self.workers = workers or Workers(1)
        self.micro_batch_tokens = micro_batch_tokens
        self._slots, self._context_length = tuple(adapters), context_length

    @classmethod
    def load(
        cls, folder: ModelFolder, adapters: Mapping[str, Path | None], *, precision: Precision = "auto"
    ) -> PackedEngine:
        """Loads the base model and the adapters from their PEFT folders.

        Args:
            folder: The base model's.
            adapters: Folder of each slot's adapter by the slot's name; None for the base model itself.
            precision: Compute type; `auto` is bfloat16 where the hardware is fast at it.

        Raises:
            ModelError: The model or an adapter cannot be used.
        """
        keep_freed_memory()
        device = pick_device()
        dtype = resolve_precision(precision, device)
        workers = Workers.for_device(device)
        network = load_model(folder, dtype, device)
        model = PackedModel(network)
        read = partial(
            load_adapter,
            module_sizes=model.module_sizes,
            base_model=folder.model_id,
            device=device,
            dtype=dtype,
            n_workers=workers.n_workers,
        )
        loaded = {slot: None if path is None else read(path) for slot, path in adapters.items()}
        return cls(
            model,
            loaded,
            load_tokenizer(folder),
            context_length=network.config.max_position_embeddings,
            workers=workers,
        )

    @property
    def slots(self) -> Sequence[str]:
        """Names of the slots, in the order of all answers."""
        return self._slots

    @property
    def context_length(self) -> int:
        """Most tokens the model can take."""
        return self._context_length

    @property
    def device_name(self) -> str:
        """For the runs table."""
        return describe_device(self.model.device)

    def facts(self) -> dict[str, object]:
        """Precision and size of the passes, recorded with the scores."""
        precision = str(self.model.compute_dtype).removeprefix("torch.")
        return {
            "precision": precision,
            "n_slots": len(self.slots),
            "micro_batch_tokens": self.micro_batch_tokens,
            "n_workers": self.workers.n_workers,
        }
