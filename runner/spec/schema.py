"""A sweep file, checked: what `load_sweep_spec` returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from runner.spec.axes import AxisSection
from runner.spec.axis_values import axis_problems
from runner.spec.dataset import DatasetSection
from runner.spec.fields import AutoIsNone, Flag, Number, Section, Whole, refuse
from runner.spec.training import TrainingSection

if TYPE_CHECKING:
    from runner.data.dataset import Dataset
    from runner.spec.grid import ModelFacts
    from runner.spec.trial import Trial

MOST_SEEDS = 1_000
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class ModelSection(Section):
    """The base model. Plain text in the file is short for `{id: ...}`."""

    id: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="A bundled name (smollm2-135m), an id on the Hugging Face Hub, or a folder (starting with ./ or /)."
    )
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Commit or tag of a Hub model."
    )

    @model_validator(mode="before")
    @classmethod
    def _folder_from_the_file(cls, value: object, info: ValidationInfo) -> object:
        folder = (info.context or {}).get("folder")
        if isinstance(value, str):
            value = {"id": value}
        if folder is None or not isinstance(value, dict) or not _is_path(value.get("id")):
            return value
        return {**value, "id": str((Path(folder) / Path(value["id"]).expanduser()).resolve())}

    @property
    def name(self) -> str:
        """What plots and trial keys call the model: the id, of a folder only its last part."""
        return Path(self.id).name if _is_path(self.id) else self.id


class BudgetSection(Section):
    """How long each trial trains: exactly one of the three."""

    steps: Annotated[Whole, Field(ge=1, le=10_000_000)] | None = Field(
        None, description="Optimizer steps.", json_schema_extra={"unit": "steps"}
    )
    epochs: Annotated[Number, Field(gt=0, le=10_000)] | None = Field(
        None, description="Passes over the training examples; parts count.", json_schema_extra={"unit": "passes"}
    )
    tokens: Annotated[Whole, Field(ge=1, le=10**15)] | None = Field(
        None,
        description="Trained tokens; trials with a larger batch take fewer steps.",
        json_schema_extra={"unit": "tokens"},
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> BudgetSection:
        given = [name for name in ("steps", "epochs", "tokens") if getattr(self, name) is not None]
        if len(given) != 1:
            got = f"got {' and '.join(given)}" if given else "got none of them"
            refuse(f"needs exactly one of steps, epochs, tokens, {got}", "keep one")
        return self


class EvaluationSection(Section):
    """When the held-out loss is measured; it always is at the end."""

    every: Annotated[Number, Field(gt=0, le=10_000_000)] | None = Field(
        0.1,
        description="Below 1: share of the run between two measurements; from 1: steps; null: only the end.",
        json_schema_extra={"unit": "share or steps"},
    )
    max_examples: Annotated[Whole, Field(ge=1, le=10_000_000)] = Field(
        200,
        description="Held-out examples that are used, chosen by their hash.",
        json_schema_extra={"unit": "examples"},
    )
    at_start: Flag = Field(True, description="Measure the untrained model too.")

    @model_validator(mode="after")
    def _steps_are_whole(self) -> EvaluationSection:
        if self.every is not None and self.every >= 1 and not self.every.is_integer():
            refuse(f"every counts steps from 1 on, got {self.every!r}", f"write {round(self.every)}")
        return self


class SweepSpec(Section):
    """One sweep: a model, a data set, a grid of settings, seeds and a budget."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(
        description="Identity of the sweep in the store.", json_schema_extra={"shown_default": "name of the file"}
    )
    model: ModelSection = Field(description="The base model: a name or a mapping.")
    dataset: DatasetSection = Field(description="The examples: a name, a path or a mapping.")
    axes: dict[str, AxisSection] = Field(
        default_factory=dict, description="Values to try, by the name of a training setting: lists or rules."
    )
    combine: Literal["grid"] = Field("grid", description="How axes combine: every value with every other.")
    seeds: tuple[Annotated[Whole, Field(ge=0, le=2**31 - 1)], ...] = Field(
        (0,),
        description="Seeds of data order and initialisation: a list, or how many (3 is 0, 1, 2).",
        min_length=1,
        max_length=MOST_SEEDS,
        json_schema_extra={"shown_default": "1"},
    )
    budget: BudgetSection = Field(description="How long each trial trains.")
    training: TrainingSection = Field(
        default_factory=lambda: TrainingSection.model_validate({}),
        description="Settings that are the same for all trials.",
    )
    evaluation: EvaluationSection = Field(
        default_factory=lambda: EvaluationSection.model_validate({}), description="When the held-out loss is measured."
    )
    pack: Annotated[Annotated[Whole, Field(ge=1, le=4096)] | None, AutoIsNone] = Field(
        None,
        description="Trials trained at once; auto takes what fits into memory.",
        json_schema_extra={"unit": "trials", "shown_default": "auto"},
    )
    micro_batch_tokens: Annotated[Annotated[Whole, Field(ge=16, le=100_000_000)] | None, AutoIsNone] = Field(
        None,
        description="Most tokens in one forward pass.",
        json_schema_extra={"unit": "tokens", "shown_default": "auto"},
    )
    save_adapters: Flag = Field(True, description="Keep each finished trial's adapter in PEFT format.")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        seeds = value.get("seeds")
        if isinstance(seeds, int) and not isinstance(seeds, bool) and 1 <= seeds <= MOST_SEEDS:
            value["seeds"] = list(range(seeds))
        for section in ("axes", "training", "evaluation"):
            if section in value and value[section] is None:  # `training:` with everything below commented out
                del value[section]
        return value

    @model_validator(mode="after")
    def _axes_fit_the_settings(self) -> SweepSpec:
        errors = [*self._axis_errors(), *self._combination_errors()]
        if errors:
            raise ValidationError.from_exception_data("SweepSpec", errors)
        return self

    def _axis_errors(self) -> list[InitErrorDetails]:
        found = [(name, problem) for name, axis in self.axes.items() for problem in axis_problems(name, axis)]
        return [_error(("axes", name, *problem.path), problem.message, problem.fix) for name, problem in found]

    def _combination_errors(self) -> list[InitErrorDetails]:
        errors = []
        if len(set(self.seeds)) != len(self.seeds):
            errors.append(_error(("seeds",), "a seed is listed twice", "list each seed once"))
        if "learning_rate" not in self.axes and self.training.learning_rate is None:
            fix = "add learning_rate: {around: recommended, decades: 1, points: 7} under axes"
            errors.append(_error(("axes",), "no learning rate is given", fix))
        if "warmup_steps" in self.axes and "warmup_ratio" in self.axes:
            errors.append(_error(("axes",), "both warmup_steps and warmup_ratio are axes", "keep one of the two"))
        return errors

    def trials(self, dataset: Dataset, facts: ModelFacts | None = None) -> list[Trial]:
        """Returns the trials in the order they should run.

        Args:
            dataset: what `load_dataset(spec.dataset)` returned.
            facts: the model's width and type; without them only well-known models have a recommended learning rate.
        """
        from runner.spec.grid import NOTHING_KNOWN, make_trials  # the grid needs this module

        return make_trials(self, dataset, facts or NOTHING_KNOWN)


def _is_path(model_id: object) -> bool:
    return isinstance(model_id, str) and model_id.startswith(("./", "../", "/", "~"))


def _error(path: tuple[str | int, ...], message: str, fix: str) -> InitErrorDetails:
    kind = PydanticCustomError("ucurve", "{message}; {fix}", {"message": message, "fix": fix})
    return InitErrorDetails(type=kind, loc=path, input=None)
