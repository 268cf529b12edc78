"""Output folders of LLaMA-Factory: those of a Trainer, with a log of its own that outlives a killed training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from analysis.importers.logged_rows import step_of
from analysis.importers.trainer.args import read_arguments
from analysis.importers.trainer.output_folder import OutputFolder
from analysis.importers.trainer.plain_yaml import read_plain_yaml
from analysis.importers.trainer.read import Extras
from analysis.importers.trainer.source import OutputFolderSource
from analysis.importers.trainer.states import Entry
from analysis.importers.wandb_log.json_text import replace_lone_surrogates

_KIND: Final = "llama-factory"
_LOG_FILE: Final = "trainer_log.jsonl"
_CONFIG_FILES: Final = {"training_args": "training_args.yaml", "llamaboard": "llamaboard_config.yaml"}
_NAMES: Final = {"current_steps": "step", "lr": "learning_rate", "accuracy": "rewards/accuracies"}
"""The Trainer's names of what LLaMA-Factory takes from its log.

Source: LLaMA-Factory 0.9.5, `llamafactory.train.callbacks.LogCallback.on_log`.
"""
_CLOCKS: Final = frozenset({"total_steps", "percentage", "elapsed_time", "remaining_time"})
_MAX_BYTES: Final = 64 * 1024 * 1024
_NO_TRIAL_KEYS: Final = tuple(
    f"training_args.{name}" for name in ("logging_steps", "plot_loss", "preprocessing_num_workers", "save_steps")
)


def is_mine(folder: OutputFolder) -> bool:
    """Whether LLaMA-Factory wrote a folder."""
    return folder.has(_LOG_FILE) or (read_arguments(folder.places, []).class_name or "").startswith("llamafactory.")


def extras_of(folder: OutputFolder) -> Extras:
    """What it says beside the Trainer's own files."""
    config = {name: content for name, file in _CONFIG_FILES.items() if (content := _yaml(folder.path / file))}
    log, n_bad = _entries(folder.path / _LOG_FILE)
    notes = [f"{n_bad} lines of {_LOG_FILE} cannot be read"] if n_bad else []
    return Extras(kind=_KIND, config=config, log=log, notes=notes, no_trial_keys=_NO_TRIAL_KEYS)


def _yaml(path: Path) -> dict[str, object]:
    try:
        return read_plain_yaml(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}


def _entries(path: Path) -> tuple[list[Entry], int]:
    """The entries since the training was last resumed, and how many lines are none."""
    try:
        with path.open("rb") as file:
            lines = file.read(_MAX_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return [], 0
    entries: list[Entry] = []
    n_bad = 0
    for line in lines:
        entry = _entry(line)
        if entry is None:
            n_bad += 1
            continue
        if entries and _step(entry) < _step(entries[-1]):
            entries.clear()  # a resumed training begins again at its checkpoint
        entries.append(entry)
    return entries, n_bad


def _entry(line: str) -> Entry | None:
    try:
        content = json.loads(replace_lone_surrogates(line)[0])
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or step_of(content.get("current_steps")) is None:
        return None
    return {_NAMES.get(str(name), str(name)): value for name, value in content.items() if name not in _CLOCKS}


def _step(entry: Entry) -> int:
    return step_of(entry["step"]) or 0


SOURCE: Final = OutputFolderSource(_KIND, is_mine, extras_of)
