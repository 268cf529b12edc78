"""What `config.json` of tinker-cookbook says, in the store's terms. Only the config speaks, never a folder's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from analysis.importers.logged_rows import number_of, step_of

_TEXTS: Final = {"model_name": "model", "lr_schedule": "lr_schedule"}
_NUMBERS: Final = {"learning_rate": "learning_rate", "num_epochs": "epochs"}
_COUNTS: Final = {"lora_rank": "lora_rank", "max_steps": "max_steps"}
_SEEDS: Final = ("seed", "shuffle_seed")
_DATASETS: Final = ("dataset_name", "dataset_path", "dataset", "file_path")
_BATCHES: Final = ("batch_size", "groups_per_batch")

NO_TRIAL_KEYS: Final = ("log_path", "wandb_project", "wandb_name", "session_name", "base_url", "recipe_name")
"""Where a run is kept and what it is called."""


def columns_of(config: Mapping[str, object]) -> dict[str, object]:
    """Typed columns of the store that the config states.

    >>> columns_of({"learning_rate": 1e-4, "dataset_builder": {"batch_size": 16, "group_size": 4}})
    {'learning_rate': 0.0001, 'batch_size': 64}
    """
    columns: dict[str, object] = {column: _text(config.get(key)) for key, column in _TEXTS.items()}
    columns |= {column: number_of(config.get(key)) for key, column in _NUMBERS.items()}
    columns |= {column: step_of(config.get(key)) for key, column in _COUNTS.items()}
    columns |= {"batch_size": _batch_size(config), "seed": _first(config, _SEEDS)}
    columns["tokenizer_id"] = _text(_named(config, "model_name_for_tokenizer"))
    columns["dataset"] = next(filter(None, (_text(_named(config, key)) for key in _DATASETS)), None)
    columns["objective"] = "dpo" if "dpo_beta" in config else _text(config.get("loss_fn"))
    columns["adapter"] = "lora" if columns["lora_rank"] else None
    return {name: value for name, value in columns.items() if value is not None}


def name_of(config: Mapping[str, object]) -> str | None:
    """What the run was called when it was started: its W&B name, else the last part of its log path."""
    name, path = config.get("wandb_name"), config.get("log_path")
    if isinstance(name, str) and name:
        return name
    return (path.rstrip("/").rsplit("/", 1)[-1] or None) if isinstance(path, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _batch_size(config: Mapping[str, object]) -> int | None:
    """Sequences per optimizer step: in reinforcement learning every prompt is answered `group_size` times."""
    prompts = _first(config, _BATCHES)
    group = _named(config, "group_size")
    substeps = config.get("num_substeps")
    n_sequences = (prompts or 0) * ((step_of(group) or 0) if group is not None else 1)
    n_steps = (step_of(substeps) or 0) if substeps is not None else 1
    return n_sequences // n_steps if n_steps and n_sequences % n_steps == 0 and n_sequences else None


def _first(config: Mapping[str, object], keys: tuple[str, ...]) -> int | None:
    return next((step for key in keys if (step := step_of(_named(config, key))) is not None), None)


def _named(config: Mapping[str, object], key: str) -> object:
    """The value of a key in the config or in its dataset builder."""
    return next((part[key] for part in _parts(config) if part.get(key) is not None), None)


def _parts(config: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    part: object = config
    for deeper in ("dataset_builder", "common_config", None):
        if not isinstance(part, Mapping):
            return
        yield part
        part = part.get(deeper) if deeper else None


def is_of_another_tool(config: Mapping[str, object]) -> bool:
    """Whether it is a `config.json` that describes a model of Hugging Face."""
    return "model_type" in config or "architectures" in config


def final_step(config: Mapping[str, object]) -> int | None:
    """The last step that the config allows, where it caps them."""
    cap = step_of(config.get("max_steps"))
    return cap - 1 if cap else None
