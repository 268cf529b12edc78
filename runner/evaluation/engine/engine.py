"""The engine: adapters in slots over one base model, asked for likelihoods and for text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.adapters import FrozenAdapter, load_adapter
from runner.evaluation.engine.generation import generate
from runner.evaluation.engine.generation_endings import end_tokens
from runner.evaluation.engine.likelihood import run_pass
from runner.evaluation.engine.passes import Pass, PassQueue, even_size, plan_passes
from runner.evaluation.engine.peft_folder import count_parameters
from runner.evaluation.engine.tree import sorted_indices
from runner.evaluation.requests import Generation, LikelihoodRequest, Likelihoods, Progress
from runner.training.base_model import ModelFolder, load_model, load_tokenizer
from runner.training.hardware import (
    Precision,
    describe_device,
    free_memory_bytes,
    keep_freed_memory,
    pick_device,
    resolve_precision,
)
from runner.training.memory import plan_forward
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
        eos_ids: Tokens that end what is written; None for the tokenizer's own.
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
        eos_ids: Collection[int] | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.eos_ids = frozenset((tokenizer.eos_token_id,) if eos_ids is None else eos_ids)
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
            EnvironmentProblem: The adapters do not fit into memory.
        """
        keep_freed_memory()
        device = pick_device()
        dtype = resolve_precision(precision, device)
        workers = Workers.for_device(device)
        network = load_model(folder, dtype, device)
        model = PackedModel(network)
        size = plan_forward(
            network.config,
            [count_parameters(path) * dtype.itemsize for path in adapters.values() if path is not None],
            dtype=dtype,
            device=device,
            free_bytes=free_memory_bytes(device),
            n_workers=workers.n_workers,
        )
        read = partial(
            load_adapter,
            module_sizes=model.module_sizes,
            base_model=folder.model_id,
            device=device,
            dtype=dtype,
        )
        loaded = {slot: None if path is None else read(path) for slot, path in adapters.items()}
        tokenizer = load_tokenizer(folder)
        return cls(
            model,
            loaded,
            tokenizer,
            context_length=network.config.max_position_embeddings,
            micro_batch_tokens=size,
            workers=workers,
            eos_ids=end_tokens(network, tokenizer),
        )

    @property
    def slots(self) -> Sequence[str]:
        """Names of the slots, in the order of all answers."""
        return self._slots

    @property
    def context_length(self) -> int:
        """Most tokens the model can take."""
        return self._context_length

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest], progress: Progress | None = None) -> Likelihoods:
        """The likelihood of every request under every slot, in packed passes.

        Raises:
            ValueError: A request scores nothing, or is longer than the context.
            EnvironmentProblem: Memory does not hold one request under one slot.
        """
        for index, request in enumerate(requests):
            self._check_request(index, request)
        n_slots = len(self.slots)
        found = Likelihoods(np.zeros((n_slots, len(requests))), np.zeros((n_slots, len(requests)), dtype=np.bool_))

        def answer(work: Pass, worker: int) -> None:
            answers = run_pass(self.model, self.adapters, requests, work, worker)
            for whole, part in zip(found, answers, strict=True):
                whole[np.ix_(work.slots, work.requests)] = part

        if requests:
            self._passes(requests, progress).run(answer, self.workers)
        return found

    def generate(
        self, prompts: Sequence[tuple[int, ...]], decoding: Decoding, progress: Progress | None = None
    ) -> list[list[Generation]]:
        """What each slot writes after each prompt: one list per slot, in the order of the prompts.

        Raises:
            ConfigError: A setting of `decoding` makes no sense.
            ValueError: A prompt is empty, or longer than the context.
            EnvironmentProblem: Memory does not hold one row.
        """
        return generate(self, prompts, decoding, progress)

    def _passes(self, requests: Sequence[LikelihoodRequest], progress: Progress | None) -> PassQueue:
        def split(chosen: Sequence[int], slots: Sequence[int], max_tokens: int) -> list[Pass]:
            return list(plan_passes(requests, chosen, slots, max_tokens))

        chosen, slots = sorted_indices(requests), range(len(self.slots))
        n_tokens = sum(p.n_tokens for p in split(chosen, slots, self.micro_batch_tokens))
        size = even_size(n_tokens, self.micro_batch_tokens, self.workers.n_workers)
        passes = split(chosen, slots, size)
        return PassQueue(passes, lambda work, most: split(work.requests, work.slots, most), progress)

    def _check_request(self, index: int, request: LikelihoodRequest) -> None:
        n_tokens = len(request.token_ids)
        if not 1 <= request.n_context < n_tokens:
            raise ValueError(
                f"request {index} has {request.n_context} context tokens of {n_tokens}; "
                "it needs at least one, and at least one token to score"
            )
        if n_tokens > self.context_length:
            raise ValueError(
                f"request {index} has {n_tokens} tokens, the model takes {self.context_length}; "
                "cut it on the left first"
            )

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
