"""The smaller sections of a sweep file: model, budget, evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, model_validator

from runner.spec.fields import Flag, IsNumber, IsWhole, Section, refuse


class ModelSection(Section):
    """The base model. Plain text in the file is short for `{id: ...}`."""

    id: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="A bundled name (smollm2-135m), an id on the Hugging Face Hub, or a folder (starting with ./ or /)."
    )
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Commit or tag of a Hub model."
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

    steps: Annotated[int, Field(ge=1, le=10_000_000), IsWhole] | None = Field(
        default=None, description="Optimizer steps.", json_schema_extra={"unit": "steps"}
    )
    epochs: Annotated[float, Field(gt=0, le=10_000), IsNumber] | None = Field(
        default=None,
        description="Passes over the training examples; parts count.",
        json_schema_extra={"unit": "passes"},
    )
    tokens: Annotated[int, Field(ge=1, le=10**15), IsWhole] | None = Field(
        default=None,
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

    every: Annotated[float, Field(gt=0, le=10_000_000), IsNumber] | None = Field(
        default=0.1,
        description="Below 1: share of the run between two measurements; from 1: steps; null: only the end.",
        json_schema_extra={"unit": "share or steps"},
    )
    max_examples: Annotated[int, Field(ge=1, le=10_000_000), IsWhole] = Field(
        default=200,
        description="Held-out examples that are used, chosen by their hash.",
        json_schema_extra={"unit": "examples"},
    )
    at_start: Flag = Field(default=True, description="Measure the untrained model too.")

    @model_validator(mode="after")
    def _steps_are_whole(self) -> EvaluationSection:
        if self.every is not None and self.every >= 1 and not self.every.is_integer():
            refuse(f"every counts steps from 1 on, got {self.every!r}", f"write {round(self.every)}")
        return self


def _is_path(model_id: object) -> bool:
    return isinstance(model_id, str) and model_id.startswith(("./", "../", "/", "~"))
