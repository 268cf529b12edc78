"""A sweep file, checked: what `load_sweep_spec` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from analysis.store.identity import ID_PATTERN
from analysis.strict_yaml.problems import shown
from runner.spec.axes import AxisSection
from runner.spec.axis_values import axis_problems
from runner.spec.checkpoint import CheckpointSection
from runner.spec.dataset import DatasetSection
from runner.spec.evaluate import EvaluateSection
from runner.spec.fields import AutoIsNone, Flag, IsWhole, Section, refuse
from runner.spec.sections import BudgetSection, EvaluationSection, ModelSection
from runner.spec.tracking import TrackSection
from runner.spec.training import TrainingSection

if TYPE_CHECKING:
    from runner.data.dataset import Dataset
    from runner.spec.grid import ModelFacts
    from runner.spec.trial import Trial

MOST_SEEDS = 1_000


class SweepSpec(Section):
    """One sweep: a model, a data set, a grid of settings, seeds and a budget."""

    name: Annotated[str, Field(pattern=ID_PATTERN)] = Field(
        description="Identity of the sweep in the store.", json_schema_extra={"shown_default": "name of the file"}
    )
    model: ModelSection = Field(
        description="The base model.", json_schema_extra={"shown_type": "name, id, folder or mapping"}
    )
    dataset: DatasetSection = Field(
        description="The examples.", json_schema_extra={"shown_type": "name, path or mapping"}
    )
    axes: dict[str, AxisSection] = Field(
        default_factory=dict, description="Values to try, by the name of a training setting: lists or rules."
    )
    combine: Literal["grid"] = Field(default="grid", description="How axes combine: every value with every other.")
    seeds: tuple[Annotated[int, Field(ge=0, le=2**31 - 1), IsWhole], ...] = Field(
        default=(0,),
        description="Seeds of data order and initialisation; 3 is short for [0, 1, 2].",
        min_length=1,
        max_length=MOST_SEEDS,
        json_schema_extra={"shown_default": "1", "shown_type": "count or list"},
    )
    budget: BudgetSection = Field(description="How long each trial trains.")
    training: TrainingSection = Field(
        default_factory=TrainingSection,
        description="Settings that are the same for all trials.",
    )
    evaluation: EvaluationSection = Field(
        default_factory=EvaluationSection, description="When the held-out loss is measured."
    )
    pack: Annotated[Annotated[int, Field(ge=1, le=4096), IsWhole] | None, AutoIsNone] = Field(
        default=None,
        description="Trials trained at once; auto takes what fits into memory.",
        json_schema_extra={"unit": "trials", "shown_default": "auto", "shown_type": "`auto` or whole number"},
    )
    micro_batch_tokens: Annotated[Annotated[int, Field(ge=16, le=100_000_000), IsWhole] | None, AutoIsNone] = Field(
        default=None,
        description="Most tokens in one forward pass.",
        json_schema_extra={"unit": "tokens", "shown_default": "auto", "shown_type": "`auto` or whole number"},
    )
    save_adapters: Flag = Field(default=True, description="Keep each finished trial's adapter in PEFT format.")
    checkpoint: CheckpointSection | None = Field(
        default_factory=CheckpointSection,
        description="How often the state of all running trials is kept, to go on from; false keeps none.",
        json_schema_extra={"shown_default": "every 5 minutes", "shown_type": "mapping or `false`"},
    )
    track: TrackSection | None = Field(default=None, description="A copy of every run in W&B.")

    evaluate: EvaluateSection | None = Field(
        default=None, description="Scores of the runs on benchmarks; the held-out loss is `evaluation`."
    )

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        for section in ("axes", "training", "evaluation", "checkpoint", "track", "evaluate"):
            if section in value and value[section] is None:  # `training:` with everything below commented out
                del value[section]
        if value.get("checkpoint") is True:
            del value["checkpoint"]
        elif value.get("checkpoint") is False:
            value["checkpoint"] = None
        return value

    @field_validator("axes")
    @classmethod
    def _axes_fit_the_settings(cls, axes: dict[str, AxisSection]) -> dict[str, AxisSection]:
        found = [(name, problem) for name, axis in axes.items() for problem in axis_problems(name, axis)]
        errors = [_error((name, *problem.path), problem.message, problem.fix) for name, problem in found]
        if errors:
            raise ValidationError.from_exception_data("SweepSpec", errors)
        if "warmup_steps" in axes and "warmup_ratio" in axes:
            refuse("both warmup_steps and warmup_ratio are axes", "keep one of the two")
        return axes

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_is_list(cls, seeds: object) -> object:
        if isinstance(seeds, list | tuple):
            return seeds
        if isinstance(seeds, int) and not isinstance(seeds, bool) and 1 <= seeds <= MOST_SEEDS:
            return tuple(range(seeds))
        return refuse(f"must be a list or a count from 1 to {MOST_SEEDS}, got {shown(seeds)}", "write 3 or [0, 1, 2]")

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            refuse(f"a seed is listed twice, got {shown(list(seeds))}", "list each seed once")
        return seeds

    @model_validator(mode="after")
    def _has_a_learning_rate(self) -> SweepSpec:
        if "learning_rate" not in self.axes and self.training.learning_rate is None:
            fix = "add learning_rate: {around: recommended, decades: 1, points: 7} under axes"
            raise ValidationError.from_exception_data(
                "SweepSpec", [_error(("axes", "learning_rate"), "no learning rate is given", fix)]
            )
        return self

    @model_validator(mode="after")
    def _adapters_are_there_to_evaluate(self) -> SweepSpec:
        if self.evaluate is not None and not self.save_adapters:
            refuse("evaluate needs the adapters, but save_adapters is false", "write save_adapters: true")
        return self

    def trials(self, dataset: Dataset, facts: ModelFacts | None = None) -> list[Trial]:
        """Returns the trials in the order they should run.

        Args:
            dataset: what `load_dataset(spec.dataset)` returned.
            facts: the model's width and type; without them only well-known models have a recommended learning rate.
        """
        from runner.spec.grid import NOTHING_KNOWN, make_trials  # the grid needs this module

        return make_trials(self, dataset, facts or NOTHING_KNOWN)


def _error(path: tuple[str | int, ...], message: str, fix: str) -> InitErrorDetails:
    kind = PydanticCustomError("ucurve", "{message}; {fix}", {"message": message, "fix": fix})
    return InitErrorDetails(type=kind, loc=path, input=None)
