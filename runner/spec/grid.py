"""Axes times seeds, as trials in the order they should run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from analysis.recommendation.recommended_lr import recommend_lr
from runner.errors import ConfigError
from runner.spec.axes import DECADES_AROUND, POINTS_AROUND, values_around
from runner.spec.axis_values import Setting, axis_values
from runner.spec.schema import SweepSpec
from runner.spec.training import DEFAULT_WARMUP_RATIO, MOST_LEARNING_RATE, TrainingSection
from runner.spec.trial import Trial

if TYPE_CHECKING:
    from runner.data.dataset import Dataset

MOST_TRIALS = 10_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of the base model once it was looked at; everything is optional.

    `digest` identifies the weights of a local folder, whose path says nothing.
    """

    hidden_size: int | None = None
    model_type: str | None = None
    digest: str | None = None


NOTHING_KNOWN = ModelFacts()


def make_trials(spec: SweepSpec, dataset: Dataset, facts: ModelFacts = NOTHING_KNOWN) -> list[Trial]:
    """Returns every combination of axis values with every seed, the most telling ones first.

    All configurations run with the first seed before any runs with the second; learning rates run from the middle of
    their range outwards, so that the U shows early; the other axes vary fastest, in the order of the file.

    Raises:
        ConfigError: more than 10,000 trials, or no recommended learning rate for this model.
    """
    names, values = _axes(spec, facts)
    n_trials = len(spec.seeds)
    for choices in values:
        n_trials *= len(choices)
    if n_trials > MOST_TRIALS:
        raise ConfigError(f"{spec.name}: the grid has {n_trials} runs, more than {MOST_TRIALS}; shorten an axis")
    combinations = [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)]
    return [
        _trial(spec, dataset, facts, _settings(spec, chosen), seed) for seed in spec.seeds for chosen in combinations
    ]


def middle_outwards(values: Sequence[T]) -> list[T]:
    """Returns the values from the middle of the list to its ends.

    >>> middle_outwards([1, 2, 3, 4, 5])
    [3, 2, 4, 1, 5]
    """
    middle = (len(values) - 1) // 2
    order = sorted(range(len(values)), key=lambda index: (abs(index - middle), index))
    return [values[index] for index in order]


def _axes(spec: SweepSpec, facts: ModelFacts) -> tuple[list[str], list[list[Setting]]]:
    """Returns the axes' names and values, learning_rate first, so that it varies slowest."""
    names = sorted(spec.axes, key=lambda name: name != "learning_rate")
    values = [_values(spec, name, facts) for name in names]
    if names and names[0] == "learning_rate":
        values[0] = middle_outwards(sorted(values[0], key=_as_float))
    return names, values


def _as_float(value: Setting) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _values(spec: SweepSpec, name: str, facts: ModelFacts) -> list[Setting]:
    axis = spec.axes[name]
    if axis.around is None:
        return axis_values(name, axis)
    recommended = recommend_lr(spec.model.id, hidden_size=facts.hidden_size, model_type=facts.model_type)
    if recommended.learning_rate is None:
        raise ConfigError(
            f"{spec.name}: axes.learning_rate: there is no recommended learning rate for {spec.model.id!r}, and the "
            f"nearest rule ({recommended.nearest_rule}) was not made for it; "
            "give bounds such as learning_rate: {log: [1e-5, 1e-2], points: 7}"
        )
    rates = values_around(recommended.learning_rate, axis.decades or DECADES_AROUND, axis.points or POINTS_AROUND)
    if rates[-1] > MOST_LEARNING_RATE:
        raise ConfigError(
            f"{spec.name}: axes.learning_rate: reaches {rates[-1]:g}, more than {MOST_LEARNING_RATE:g}; lower decades"
        )
    return list(rates)


def _settings(spec: SweepSpec, chosen: Mapping[str, Setting]) -> TrainingSection:
    """Returns the training settings of one combination: what an axis chose wins over the training section."""
    settings = {**dict(spec.training), **chosen}
    if "warmup_steps" in chosen:
        settings["warmup_ratio"] = None
    if "warmup_ratio" in chosen:
        settings["warmup_steps"] = None
    if settings["warmup_steps"] is None and settings["warmup_ratio"] is None:
        settings["warmup_ratio"] = DEFAULT_WARMUP_RATIO
    return TrainingSection.model_validate(settings)


def _trial(spec: SweepSpec, dataset: Dataset, facts: ModelFacts, settings: TrainingSection, seed: int) -> Trial:
    if settings.learning_rate is None:
        raise ConfigError(f"{spec.name}: no learning rate is given; add an axis learning_rate")
    return Trial(
        config=trial_config(spec, dataset, facts, settings),
        seed=seed,
        max_steps=spec.budget.steps,
        epochs=spec.budget.epochs,
        token_budget=spec.budget.tokens,
        evaluate_every=spec.evaluation.every,
        evaluate_max_examples=spec.evaluation.max_examples,
        evaluate_at_start=spec.evaluation.at_start,
        **dict(settings),
    )


def trial_config(spec: SweepSpec, dataset: Dataset, facts: ModelFacts, settings: TrainingSection) -> dict[str, object]:
    """Returns everything that changes a trial's result, without its seed.

    Left out on purpose: the sweep's name, packing, micro-batches, where files lie, and whether adapters are kept.
    """
    return {
        "model": spec.model.name,
        "model_digest": facts.digest,
        "model_revision": spec.model.revision,
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "objective": "sft",
        "adapter": "lora",
        "optimizer": "adamw",
        "learning_rate": settings.learning_rate,
        "lr_schedule": settings.schedule,
        "warmup_steps": settings.warmup_steps,
        "warmup_ratio": settings.warmup_ratio,
        "batch_size": settings.batch_size,
        "lora_rank": settings.lora_rank,
        "lora_alpha": settings.lora_alpha,
        "lora_dropout": settings.lora_dropout,
        "target_modules": list(settings.target_modules),
        "weight_decay": settings.weight_decay,
        "adam_beta1": settings.adam_beta1,
        "adam_beta2": settings.adam_beta2,
        "adam_eps": settings.adam_eps,
        "clip_kind": None if settings.clip_norm is None else "norm",
        "clip_value": settings.clip_norm,
        "max_length": settings.max_length,
        "precision": settings.precision,
        "loss_on": settings.loss_on,
        "max_steps": spec.budget.steps,
        "epochs": spec.budget.epochs,
        "token_budget": spec.budget.tokens,
        "evaluation.every": spec.evaluation.every,
        "evaluation.max_examples": spec.evaluation.max_examples,
        "evaluation.at_start": spec.evaluation.at_start,
    }
