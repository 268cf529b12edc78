"""The map of a table: which column is what. The models of MAP.yaml; every key is optional."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from analysis.store.schema import RUNS, STATUSES, Direction
from analysis.strict_yaml.explain import nearest

_NOT_FROM_TABLES: Final = frozenset(
    {"seq", "source", "attempt", "config_json", "trial_key", "provenance_json", "updated_at", "schema_version"}
)
FIELDS: Final = tuple(column.name for column in RUNS if column.name not in _NOT_FROM_TABLES)
"""Columns of the runs table that a column of a file can be."""
MEASURED_FIELDS: Final = ("tokens_seen", "wall_s", "peak_memory_bytes")
"""Fields that a run is measured to have: the largest of a run's rows counts."""
_ABOUT_THE_RUN: Final = frozenset(
    {"run_id", "name", "status", "status_reason", "sweep_id", "group", "tags", "parent_run_id", "fork_step", "seed",
     "device", "host", "created_at", *MEASURED_FIELDS}
)  # fmt: skip
CONFIGURATION_FIELDS: Final = tuple(name for name in FIELDS if name not in _ABOUT_THE_RUN)
"""Fields that change what is trained: with the columns that are not named they make up a trial."""

Label = Annotated[str, Field(min_length=1, max_length=200)]
Header = Annotated[str, Field(min_length=1)]
Constant = str | bool | int | float | list[str]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class CurveColumns(_Section):
    """Columns that hold one metric at one step each."""

    columns: Header
    every: int = Field(1, gt=0)

    @field_validator("columns")
    @classmethod
    def _has_one_step(cls, columns: str) -> str:
        if columns.count("{step}") != 1:
            raise mistake(f"must hold {{step}} once, got {columns!r}", "write for example v{step} for v0, v1 ...")
        return columns

    def step_of(self, header: str) -> int | None:
        """The step that a header stands for, or None."""
        before, after = self.columns.split("{step}")
        found = re.fullmatch(f"{re.escape(before)}([0-9]{{1,12}}){re.escape(after)}", header)
        return int(found[1]) * self.every if found else None


class EvalDetails(_Section):
    """What is known about one benchmark; `scale` turns its column into shares (0.01 for percent)."""

    metric: Label = "accuracy"
    n_items: int | None = Field(None, gt=0)
    chance_level: float | None = None
    stderr: Header | None = None
    scale: float = Field(1.0, gt=0)


NO_DETAILS: Final = EvalDetails.model_validate({})


class TableMap(_Section):
    """What the columns of a table are; columns are named by their headers."""

    fields: dict[str, Header | list[Header]] = {}
    metrics: dict[Label, Header] = {}
    directions: dict[str, Direction] = {}
    evals: dict[Label, Header] = {}
    eval_details: dict[str, EvalDetails] = {}
    curves: dict[Label, CurveColumns] = {}
    step: Header | None = None
    metric_name: Header | None = None
    metric_value: Header | None = None
    scale: dict[str, float] = {}
    constants: dict[str, Constant] = {}
    status_values: dict[str, str] = {}
    blank_is_nan: list[str] = []
    config: list[Header] = []
    measured: list[Header] = []
    ignore: list[Header] = []

    @field_validator("curves", mode="before")
    @classmethod
    def _short_curves(cls, curves: object) -> object:
        if not isinstance(curves, Mapping):
            return curves
        return {key: {"columns": value} if isinstance(value, str) else value for key, value in curves.items()}

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        _check_names("field", fields, FIELDS)
        for name, header in fields.items():
            if isinstance(header, list) and (name != "run_id" or len(header) < 2):
                raise mistake(f"{name} takes one column", "only run_id can be made of several, such as [group, name]")
        return fields

    @field_validator("status_values")
    @classmethod
    def _known_statuses(cls, values: dict[str, str]) -> dict[str, str]:
        _check_names("status", values.values(), STATUSES)
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> TableMap:
        measured = [*self.metrics, *self.curves]
        if (self.metric_name is None) != (self.metric_value is None):
            raise mistake("metric_name and metric_value go together", "name both columns or none")
        _check_names("scale", self.scale, [*self.fields, *measured])
        _check_names("benchmark in eval_details", self.eval_details, self.evals)
        if self.metric_name is None:  # else the names stand in the table
            _check_names("metric in blank_is_nan", self.blank_is_nan, measured)
            _check_names("metric in directions", self.directions, [*measured, *self.evals])
        twice = sorted({*self.fields} & {*self.constants})
        if twice:
            raise mistake(f"{twice[0]} is both a column and a constant", "keep one of the two")
        reserved = sorted({*self.constants} & ({"run_id"} | (_NOT_FROM_TABLES - {"source"})))
        if reserved:
            raise mistake(f"{reserved[0]} cannot be a constant", "leave it out")
        return self

    @property
    def is_long(self) -> bool:
        """Whether several rows make up one run."""
        return self.step is not None or self.metric_name is not None

    @property
    def run_id_columns(self) -> list[str]:
        """The columns that name a run; none where its configuration does."""
        named = self.fields.get("run_id", [])
        return [named] if isinstance(named, str) else named

    def named_headers(self) -> set[str]:
        """Every column that has a role of its own, and so is not kept in the configuration under its header."""
        single = {header for header in self.fields.values() if isinstance(header, str)}
        single |= {*self.metrics.values(), *self.evals.values(), *self.ignore}
        single |= {details.stderr for details in self.eval_details.values() if details.stderr}
        return single | {header for header in (self.step, self.metric_name, self.metric_value) if header}

    def curve_step(self, header: str) -> tuple[str, int] | None:
        """The metric and step that a wide column holds, or None."""
        for metric, curve in self.curves.items():
            step = curve.step_of(header)
            if step is not None:
                return metric, step
        return None


def mistake(message: str, fix: str) -> PydanticCustomError:
    """An error in the words that `analysis.strict_yaml` prints."""
    return PydanticCustomError("ucurve", "{message}", {"message": message, "fix": fix})


def _check_names(what: str, names: Iterable[str], valid: Sequence[str] | Iterable[str]) -> None:
    known = list(valid)
    unknown = [name for name in names if name not in known]
    if unknown:
        fix = nearest(unknown[0], known) if known else "there is none in this map"
        raise mistake(f"unknown {what} {unknown[0]!r}", fix)
