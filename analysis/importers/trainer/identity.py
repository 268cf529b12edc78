"""Who a training is: by what was configured and what it logged first, never by its folder's name.

A copy of the folder is the same run; two seeds, or a folder that was used a second time, are two. Both stay the same
while the training goes on and when it is resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from analysis.importers.logged_rows import number_of
from analysis.importers.trainer.states import Entry
from analysis.store.identity import canonical_json

_CHANGES: Final = frozenset(
    {"max_steps", "num_train_epochs", "eval_steps", "eval_strategy", "evaluation_strategy", "logging_dir", "local_rank",
     "deepspeed", "disable_tqdm", "report_to", "resume_from_checkpoint", "overwrite_output_dir", "ignore_data_skip",
     "skip_memory_metrics", "past_index", "run_name", "project"}
)  # fmt: skip
_CHANGING_PREFIXES: Final = (
    "logging_",
    "save_",
    "hub_",
    "push_to_hub",
    "dataloader_",
    "ddp_",
    "do_",
    "log_",
    "trackio_",
)
"""Settings that may be others when the same training goes on: its length, and how it is watched, saved and run."""
_OF_ADAPTER: Final = ("peft_type", "r", "lora_alpha", "lora_dropout", "base_model_name_or_path")


def identity_of(
    settings: Mapping[str, object], adapter: Mapping[str, object], log: Sequence[Entry], results: Mapping[str, object]
) -> str:
    """32 hexadecimal digits for one training."""
    content = {
        "settings": {name: value for name, value in settings.items() if not _may_change(name)},
        "adapter": {name: adapter.get(name) for name in _OF_ADAPTER},
        "modules": sorted(map(str, modules)) if isinstance(modules := adapter.get("target_modules"), list) else modules,
        "log": _first_entries(log, has_settings=bool(settings)),
        "results": {} if log else dict(results),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:32]


def _may_change(name: str) -> bool:
    return name in _CHANGES or name.startswith(_CHANGING_PREFIXES)


def _first_entries(log: Sequence[Entry], *, has_settings: bool) -> list[Entry]:
    """The first entry; without settings all up to the first learning rate above 0.

    With a warm-up, what is logged at the first step is often the same for every learning rate.
    """
    if has_settings:
        return list(log[:1])
    rates = (number_of(entry.get("learning_rate")) for entry in log)
    end = next((index for index, rate in enumerate(rates, start=1) if rate is not None and rate > 0), 1)
    return list(log[:end])
