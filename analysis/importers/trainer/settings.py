"""The configuration of a run, and the columns that take more than the key of a configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.importers.logged_rows import number_of, step_of
from analysis.importers.run_files import UnreadableFileError, read_json_object
from analysis.importers.trainer.args import Arguments, read_arguments
from analysis.importers.trainer.model_card import ModelCard, read_model_card
from analysis.importers.trainer.output_folder import ADAPTER_FILE, ARGS_FILE, CARD_FILE, MODEL_FILE
from analysis.importers.trainer.states import State

_WEIGHTS: Final = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
)  # fmt: skip
_STATED: Final = ("num_train_epochs", "train_batch_size", "trial_params")
"""Keys of a state that are settings."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the files of an output folder say about how it was trained.

    Attributes:
        arguments: Of the Trainer.
        adapter: Content of `adapter_config.json`, empty without one.
        model: Content of the model's `config.json`, empty without one.
        card: The model card.
        has_weights: Whether the weights of a whole model were saved.
        problems: Half a sentence for each file that could not be read.
    """

    arguments: Arguments
    adapter: Mapping[str, object]
    model: Mapping[str, object]
    card: ModelCard
    has_weights: bool
    problems: tuple[str, ...]

    @property
    def is_short(self) -> bool:
        """Whether a file could not be read and no other place had it whole."""
        missing = ((ARGS_FILE, self.arguments.settings), (ADAPTER_FILE, self.adapter), (MODEL_FILE, self.model))
        return any(not content and problem.startswith(name) for name, content in missing for problem in self.problems)


def read_settings(places: Iterable[Path]) -> Settings:
    """The settings in the first of the folders that has each file."""
    places = list(places)
    problems: list[str] = []
    arguments = read_arguments(places, problems)
    adapter, model = _first_object(places, ADAPTER_FILE, problems), _first_object(places, MODEL_FILE, problems)
    cards = (read_model_card(place / CARD_FILE) for place in places)
    card = max(cards, key=lambda card: len(card.hyperparameters) + len(card.versions), default=ModelCard())
    has_weights = any((place / name).is_file() for place in places for name in _WEIGHTS)
    return Settings(arguments, adapter, model, card, has_weights, tuple(problems))


def _first_object(places: Iterable[Path], name: str, problems: list[str]) -> dict[str, object]:
    for place in places:
        if (place / name).is_file():
            try:
                return read_json_object(place / name)
            except UnreadableFileError as problem:
                problems.append(str(problem))
    return {}


def config_of(settings: Settings, state: State | None) -> dict[str, object]:
    """The configuration: the arguments by their own names, the other files each in a section."""
    config = dict(settings.arguments.settings)
    if settings.arguments.n_processes is not None:
        config["world_size"] = settings.arguments.n_processes  # a property of the arguments
    if not settings.arguments.settings and settings.card.hyperparameters:
        config["model_card"] = dict(settings.card.hyperparameters)
    if settings.adapter:
        config["peft_config"] = dict(settings.adapter)
    if settings.model:
        config["model_config"] = dict(settings.model)
    stated = {} if state is None else {name: state.content[name] for name in _STATED if state.content.get(name)}
    if stated:
        config["trainer_state"] = stated
    return config


def columns_of(settings: Settings, state: State | None) -> dict[str, object]:
    """The columns that no single key of the configuration says; what is not stated is not there."""
    columns = {
        "model": settings.adapter.get("base_model_name_or_path") or settings.card.base_model,
        "dataset": settings.card.dataset,
        "adapter": "full" if settings.has_weights and not settings.adapter else None,
        "device": settings.arguments.device,
        "batch_size": _batch_size(settings.arguments, state),
        "max_steps": None if state is None else state.max_steps,
        "warmup_steps": _warmup_steps(settings.arguments.settings, None if state is None else state.max_steps),
    }
    if not settings.arguments.settings:
        columns |= _of_card(settings.card.hyperparameters)
    return {name: value for name, value in columns.items() if value is not None}


def _batch_size(arguments: Arguments, state: State | None) -> int | None:
    """Sequences per optimizer step.

    The state's batch size is that of one process with all its GPUs, as it really was (`auto_find_batch_size` halves
    it); sequences are split over processes only where the arguments say how many there were.
    """
    per_process = None if state is None else step_of(state.content.get("train_batch_size"))
    accumulation = step_of(arguments.settings.get("gradient_accumulation_steps"))
    if not per_process or not accumulation or arguments.n_processes is None:
        return None
    return per_process * accumulation * arguments.n_processes


def _warmup_steps(settings: Mapping[str, object], max_steps: int | None) -> int | None:
    """Steps of warm-up; a share is one of the steps that the state planned.

    Source: transformers 5.23, `TrainingArguments.get_warmup_steps`; `warmup_ratio` until version 5.
    """
    steps, ratio = number_of(settings.get("warmup_steps")), number_of(settings.get("warmup_ratio"))
    if steps is not None and steps >= 1:
        return int(steps)
    share = steps or ratio
    if share is None or max_steps is None or not 0 <= share <= 1:
        return None
    return math.ceil(max_steps * share)


def _of_card(stated: Mapping[str, object]) -> dict[str, object]:
    """Columns from the list of hyperparameters in the card, which names a batch size only where it is another."""
    if not stated:
        return {}
    return {
        "learning_rate": number_of(stated.get("learning_rate")),
        "seed": step_of(stated.get("seed")),
        "batch_size": step_of(stated.get("total_train_batch_size", stated.get("train_batch_size"))),
        "grad_accum_steps": step_of(stated.get("gradient_accumulation_steps", 1)),
        "lr_schedule": stated.get("lr_scheduler_type"),
        "epochs": number_of(stated.get("num_epochs")),
    }
