"""LoRA adapters from PEFT folders, to be scored and not trained.

The tensors themselves say which modules carry a pair, so lists, patterns and `all-linear` in `target_modules` need no
reading.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from runner.errors import ModelError
from runner.evaluation.engine.peft_folder import read_config, read_pairs
from runner.training.adapters import Pair

_NO_GRADIENT = torch.empty(0)


class FrozenAdapter:
    """An adapter without gradients; every pair has its own rank, and its scale inside B.

    Args:
        pairs: A `(rank, n_in)` and B `(n_out, rank)` by module name.
    """

    def __init__(self, pairs: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        self._pairs = {name: Pair(a, b, _NO_GRADIENT, _NO_GRADIENT) for name, (a, b) in pairs.items()}
        self.scale = 1.0

    def pairs_of(self, worker: int) -> Mapping[str, Pair]:  # noqa: ARG002 - nobody writes: the same for all
        """A and B of each module."""
        return self._pairs

    def dropout_mask(self, n_tokens: int, n_in: int) -> None:  # noqa: ARG002 - PackedAdapter's signature
        """None: dropout is for training."""
        return


def load_adapter(
    folder: Path,
    module_sizes: Mapping[str, tuple[int, int]],
    *,
    base_model: str,
    device: torch.device,
    dtype: torch.dtype,
) -> FrozenAdapter:
    """The adapter in `folder`, as this project or `peft` wrote it.

    Args:
        folder: With `adapter_config.json` and `adapter_model.safetensors`.
        module_sizes: `(n_in, n_out)` of every module that can carry a pair, by dotted name.
        base_model: Id of the model that it will run over.
        device: Where the tensors go.
        dtype: Compute type of the model.

    Raises:
        ModelError: No such adapter, damaged, made for another base model, or of a kind that cannot be packed.
    """
    config = read_config(folder)
    _check_base(config.get("base_model_name_or_path"), base_model, folder)
    pairs = {}
    for name, (a, b) in read_pairs(folder).items():
        _check_pair(name, a, b, config, module_sizes, folder)
        scaled = b.float() * _scale(name, a.shape[0], config)
        pairs[name] = (a.to(device, dtype), scaled.to(device, dtype))
    return FrozenAdapter(pairs)


def _check_base(recorded: object, wanted: str, folder: Path) -> None:
    """An adapter that does not say what it was trained over is taken as it is."""
    if recorded in (None, "", wanted):
        return
    theirs, ours = Path(str(recorded)).expanduser(), Path(wanted).expanduser()
    if not (theirs.exists() and ours.exists() and theirs.samefile(ours)):
        raise ModelError(
            f"adapter {folder} was trained over '{recorded}', not over '{wanted}'; score it over its own base model"
        )


def _check_pair(
    name: str,
    a: Tensor,
    b: Tensor,
    config: Mapping[str, Any],
    module_sizes: Mapping[str, tuple[int, int]],
    folder: Path,
) -> None:
    if name not in module_sizes:
        raise ModelError(f"adapter {folder}: module '{name}' is no linear layer of the base model that can be adapted")
    n_in, n_out = module_sizes[name]
    rank = _by_pattern(config.get("rank_pattern"), name, config["r"])
    if a.shape != (rank, n_in) or b.shape != (n_out, rank):
        raise ModelError(
            f"adapter {folder}: '{name}' has shapes {tuple(a.shape)} and {tuple(b.shape)}, "
            f"expected ({rank}, {n_in}) and ({n_out}, {rank}); it belongs to another base model or is damaged"
        )


def _scale(name: str, rank: int, config: Mapping[str, Any]) -> float:
    """The factor alpha / r, or alpha / sqrt(r) with `use_rslora` (Kalajdzievski 2023, arXiv:2312.03732)."""
    alpha = float(_by_pattern(config.get("alpha_pattern"), name, config["lora_alpha"]))
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _by_pattern(patterns: Mapping[str, Any] | None, name: str, default: Any) -> Any:  # noqa: ANN401 - JSON
    """The value of the first pattern that ends `name`, as `peft.utils.get_pattern_key` finds it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", name):
            return value
    return default
