"""How often a sweep's state is kept, so that it goes on from there after a crash."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from runner.spec.fields import IsNumber, IsWhole, Section, refuse


class CheckpointSection(Section):
    """When checkpoints are written, besides one at a clean stop; no part of what makes two trials the same."""

    every_minutes: Annotated[float, Field(gt=0, le=10_000), IsNumber] | None = Field(
        default=5.0,
        description="Write one when the last is this old; null: do not go by time.",
        json_schema_extra={"unit": "minutes", "shown_type": "number or null"},
    )
    every_steps: Annotated[int, Field(ge=1, le=10_000_000), IsWhole] | None = Field(
        default=None,
        description="Write one after so many steps of the pack, in each of which every trial in it takes one.",
        json_schema_extra={"unit": "steps"},
    )
    keep: Annotated[int, Field(ge=1, le=100), IsWhole] = Field(
        default=2,
        description="How many stay while the sweep runs; with two, a damaged one costs the time between them.",
        json_schema_extra={"unit": "checkpoints"},
    )

    @model_validator(mode="after")
    def _some_cadence(self) -> CheckpointSection:
        if self.every_minutes is None and self.every_steps is None:
            refuse("every_minutes and every_steps are both null", "give one of them, or write checkpoint: false")
        return self
