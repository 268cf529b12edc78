"""The settings one trial is trained with; every one of them can also be an axis of the grid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from analysis.strict_yaml.problems import shown
from runner.spec.fields import IsNumber, IsWhole, Section, refuse

TARGET_GROUPS: dict[str, tuple[str, ...]] = {
    "attention": ("k_proj", "o_proj", "q_proj", "v_proj"),
    "mlp": ("down_proj", "gate_proj", "up_proj"),
    "all": ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"),
}
MOST_LEARNING_RATE = 1.0  # AdamW moves every weight by about this much a step: more is a slip of the pen
DEFAULT_WARMUP_RATIO = 0.05  # our choice: short enough to matter little, long enough to keep Adam's first steps small


def _resolve_targets(value: object) -> object:
    if isinstance(value, str):
        if value not in TARGET_GROUPS:
            refuse(
                f"unknown group of layers {shown(value)}",
                f"write {', '.join(sorted(TARGET_GROUPS))} or a list of names",
            )
        return TARGET_GROUPS[value]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        if len(set(value)) != len(value):
            refuse(f"names a layer twice, got {shown(list(value))}", "name each layer once")
        return tuple(sorted(value))
    return value


Targets = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,128}$")], ...],
    BeforeValidator(_resolve_targets),
    Field(min_length=1, max_length=64),
]


class TrainingSection(Section):
    """How a trial is trained, unless an axis says otherwise."""

    learning_rate: Annotated[float, Field(gt=0, le=MOST_LEARNING_RATE), IsNumber] | None = Field(
        default=None, description="Peak learning rate. Needed here or as an axis."
    )
    batch_size: Annotated[int, Field(ge=1, le=65_536), IsWhole] = Field(
        default=8,
        description="Sequences per optimizer step, accumulation included.",
        json_schema_extra={"unit": "sequences"},
    )
    lora_rank: Annotated[int, Field(ge=1, le=1024), IsWhole] = Field(
        default=8, description="Rank of each low-rank pair."
    )
    lora_alpha: Annotated[float, Field(gt=0, le=65_536), IsNumber] = Field(
        default=32.0, description="LoRA scale: the update is multiplied by lora_alpha / lora_rank."
    )
    lora_dropout: Annotated[float, Field(ge=0, lt=1), IsNumber] = Field(
        default=0.0, description="Dropout on the adapters' input."
    )
    target_modules: Targets = Field(
        default=TARGET_GROUPS["all"],
        description="Layers that get an adapter: all, attention, mlp, or a list of layer names.",
        json_schema_extra={"shown_default": "all", "shown_type": "group or list of names"},
    )
    schedule: Literal["constant", "linear", "cosine"] = Field(
        default="linear", description="Learning rate after the warm-up: held, or taken down to zero at the last step."
    )
    warmup_steps: Annotated[int, Field(ge=0, le=10_000_000), IsWhole] | None = Field(
        default=None,
        description="Steps of linear warm-up; instead of warmup_ratio.",
        json_schema_extra={"unit": "steps"},
    )
    warmup_ratio: Annotated[float, Field(ge=0, le=1), IsNumber] | None = Field(
        default=None,
        description="Share of the run that is linear warm-up; instead of warmup_steps.",
        json_schema_extra={"unit": "share of the steps", "shown_default": str(DEFAULT_WARMUP_RATIO)},
    )
    weight_decay: Annotated[float, Field(ge=0, le=10), IsNumber] = Field(
        default=0.0, description="AdamW's decoupled weight decay."
    )
    adam_beta1: Annotated[float, Field(ge=0, lt=1), IsNumber] = Field(
        default=0.9, description="AdamW's first decay rate."
    )
    adam_beta2: Annotated[float, Field(ge=0, lt=1), IsNumber] = Field(
        default=0.999, description="AdamW's second decay rate."
    )
    adam_eps: Annotated[float, Field(gt=0, le=1), IsNumber] = Field(default=1e-8, description="AdamW's epsilon.")
    clip_norm: Annotated[float, Field(gt=0, le=1e6), IsNumber] | None = Field(
        default=1.0, description="Each trial's gradient norm is clipped to this; null clips nothing."
    )
    max_length: Annotated[int, Field(ge=8, le=1_048_576), IsWhole] = Field(
        default=512, description="Longer sequences are cut.", json_schema_extra={"unit": "tokens"}
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Precision of the base model; auto takes bfloat16 where the hardware is fast at it."
    )
    loss_on: Literal["response", "all"] = Field(
        default="response", description="Tokens that are trained on: the response, or the prompt as well."
    )

    @model_validator(mode="after")
    def _one_warmup(self) -> TrainingSection:
        if self.warmup_steps is not None and self.warmup_ratio is not None:
            refuse("both warmup_steps and warmup_ratio are set", "keep one of the two")
        return self


HYPERPARAMETERS: tuple[str, ...] = tuple(TrainingSection.model_fields)
