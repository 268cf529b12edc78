"""PEFT's adapter folders: `adapter_config.json` beside `adapter_model.safetensors`; pickles are never read.

What would change the output in a way that a low-rank pair does not is refused, never left out.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from runner.errors import ModelError

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


def count_parameters(folder: Path) -> int:
    """Numbers in the adapter's tensors, without reading them.

    Raises:
        ModelError: No such adapter, or damaged.
    """
    with _opened(folder) as tensors:
        return sum(math.prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118 - no mapping


def _existing(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ModelError(f"{folder} is no adapter: it needs {CONFIG_FILE} and {WEIGHTS_FILE} (pickles are never read)")
    return folder / name


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    file = _existing(folder, WEIGHTS_FILE)
    try:
        with safe_open(file, framework="pt") as tensors:
            yield tensors
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The settings of a LoRA adapter that low-rank pairs alone make up.

    Raises:
        ModelError: They cannot be read, or ask for more.
    """
    file = _existing(folder, CONFIG_FILE)
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{file} describes no LoRA adapter (peft_type must be 'LORA'); only those can be packed")
    _check_settings(config, folder)
    return config


def _check_settings(config: Mapping[str, Any], folder: Path) -> None:
    for key, value in config.items():
        if not _can_be_packed(key, value):
            raise ModelError(
                f"adapter {folder}: {key} = {json.dumps(value)} in {CONFIG_FILE} is more than low-rank pairs "
                "and cannot be packed; merge the adapter into its base model and score that as a model of its own"
            )
    _check_numbers(config, folder)


def _can_be_packed(key: str, value: object) -> bool:
    if key == "init_lora_weights":
        return value in _HARMLESS_STARTS
    return key in _UNDERSTOOD or value in (None, False, "none", [], {})


def _check_numbers(config: Mapping[str, Any], folder: Path) -> None:
    if not _is_number(config.get("r")) or not _is_number(config.get("lora_alpha")):
        raise ModelError(f"adapter {folder}: {CONFIG_FILE} must give 'r' and 'lora_alpha' as numbers")
    for key in ("rank_pattern", "alpha_pattern"):
        for pattern, value in dict(config.get(key) or {}).items():
            if not _is_number(value) or not _is_pattern(pattern):
                raise ModelError(
                    f"adapter {folder}: {key} holds '{pattern}': {json.dumps(value)} in {CONFIG_FILE}; "
                    "it must map a regular expression to a number"
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def read_pairs(folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """A `(rank, n_in)` and B `(n_out, rank)` by module name.

    Raises:
        ModelError: They cannot be read, or something else is among them.
    """
    sides: dict[str, dict[str, Tensor]] = {}
    with _opened(folder) as tensors:
        for key in tensors.keys():  # noqa: SIM118 - no mapping
            match = _TENSOR_NAME.fullmatch(key)
            if match is None:
                raise ModelError(f"adapter {folder}: tensor '{key}' is no half of a low-rank pair, it cannot be packed")
            sides.setdefault(match["module"], {})[match["side"]] = tensors.get_tensor(key)
    lonely = sorted(name for name, pair in sides.items() if len(pair) < 2)
    if lonely or not sides:
        what = f"'{lonely[0]}' has one half of a pair only" if lonely else "it holds no tensors"
        raise ModelError(f"adapter {folder} is damaged: {what}; train or download it again")
    return {name: (pair["A"], pair["B"]) for name, pair in sides.items()}
