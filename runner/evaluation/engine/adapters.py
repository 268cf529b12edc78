"""LoRA adapters read from PEFT folders, to be scored and not trained.

The tensors themselves say which modules carry a pair, so lists, patterns and `all-linear` in `target_modules` need no
reading. What would change the output in a way that a low-rank pair does not is refused, never left out.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from runner.errors import ModelError
from runner.training.adapters import Pair

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_UNDERSTOOD = {
    *("peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision"),
    *("inference_mode", "r", "lora_alpha", "lora_dropout", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "init_lora_weights"),
    *("eva_config", "runtime_config", "megatron_core", "qalora_group_size"),
}
"""Settings that the scale and the tensors' names and shapes account for, or that mean nothing by themselves."""
_HARMLESS_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base weights as they are; PiSSA, OLoRA and others change them."""
_TENSOR_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_NO_GRADIENT = torch.empty(0)


class FrozenAdapter:
    """An adapter without gradients; every pair has its own rank, and its scale inside B.

    Args:
        pairs: A `(rank, n_in)` and B `(n_out, rank)` by module name.
        n_workers: Threads that read it at once.
    """

    def __init__(self, pairs: Mapping[str, tuple[Tensor, Tensor]], n_workers: int = 1) -> None:
        self.pairs: Sequence[Mapping[str, Pair]] = [
            {name: Pair(a, b, _NO_GRADIENT, _NO_GRADIENT) for name, (a, b) in pairs.items()}
        ] * n_workers
        self.scale = 1.0

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
    n_workers: int = 1,
) -> FrozenAdapter:
    """The adapter in `folder`, as this project or `peft` wrote it.

    Args:
        folder: With `adapter_config.json` and `adapter_model.safetensors`.
        module_sizes: `(n_in, n_out)` of every module that can carry a pair, by dotted name.
        base_model: Id of the model that it will run over.
        device: Where the tensors go.
        dtype: Compute type of the model.
        n_workers: Threads that read it at once.

    Raises:
        ModelError: No such adapter, damaged, made for another base model, or of a kind that cannot be packed.
    """
    config = _read_config(folder)
    _check_settings(config, folder)
    _check_base(config.get("base_model_name_or_path"), base_model, folder)
    pairs = {}
    for name, (a, b) in _read_pairs(folder).items():
        _check_pair(name, a, b, config, module_sizes, folder)
        scaled = b.float() * _scale(name, a.shape[0], config)
        pairs[name] = (a.to(device, dtype), scaled.to(device, dtype))
    return FrozenAdapter(pairs, n_workers)


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG_FILE
    if not file.is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise ModelError(f"{folder} is no adapter: it needs {CONFIG_FILE} and {WEIGHTS_FILE} (pickles are never read)")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{file} describes no LoRA adapter (peft_type must be 'LORA'); only those can be packed")
    return config


def _check_settings(config: Mapping[str, Any], folder: Path) -> None:
    for key, value in config.items():
        asks_for_more = value not in (None, False, "none") and value != [] and value != {}
        unpackable = asks_for_more if key not in _UNDERSTOOD else False
        if key == "init_lora_weights" and value not in _HARMLESS_STARTS:
            unpackable = True
        if unpackable:
            raise ModelError(
                f"adapter {folder}: {key} = {json.dumps(value)} in {CONFIG_FILE} is more than a low-rank pair and can"
                "not be packed; merge the adapter into its base model and score that as a model of its own"
            )
    if not isinstance(config.get("r"), int) or not isinstance(config.get("lora_alpha"), int | float):
        raise ModelError(f"adapter {folder}: {CONFIG_FILE} must give 'r' and 'lora_alpha' as numbers")


def _check_base(recorded: object, wanted: str, folder: Path) -> None:
    """An adapter that does not say what it was trained over is taken as it is."""
    if recorded in (None, "", wanted):
        return
    theirs, ours = Path(str(recorded)).expanduser(), Path(wanted).expanduser()
    if not (theirs.exists() and ours.exists() and theirs.samefile(ours)):
        raise ModelError(
            f"adapter {folder} was trained over '{recorded}', not over '{wanted}'; score it over its own base model"
        )


def _read_pairs(folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
    file = folder / WEIGHTS_FILE
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    sides: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        match = _TENSOR_NAME.fullmatch(key)
        if match is None:
            raise ModelError(f"{file}: tensor '{key}' is no low-rank pair of a linear layer; it cannot be packed")
        sides.setdefault(match["module"], {})[match["side"]] = tensor
    lonely = sorted(name for name, pair in sides.items() if len(pair) < 2)
    if lonely or not sides:
        raise ModelError(f"{file} is damaged: " + (f"'{lonely[0]}' has one half of a pair" if lonely else "no tensors"))
    return {name: (pair["A"], pair["B"]) for name, pair in sides.items()}


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
