"""The user's additions to the rules: a YAML file for `--map`, checked strictly. Every key is optional."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from analysis.errors import ConfigError
from analysis.importers.table.table_map import FIELDS as TABLE_FIELDS
from analysis.importers.table.table_map import Constant, Label, mistake
from analysis.store.checks import WrongValueError, converted
from analysis.store.schema import RUNS, Direction
from analysis.strict_yaml.document import read_yaml
from analysis.strict_yaml.explain import nearest
from analysis.strict_yaml.problems import Problem, shown
from analysis.strict_yaml.validate import validate

_FROM_THE_SOURCE: Final = frozenset(
    {"run_id", "status", "status_reason", "created_at", "tags", "sweep_id", "parent_run_id", "fork_step"}
)
FIELDS: Final = tuple(name for name in TABLE_FIELDS if name not in _FROM_THE_SOURCE)
"""Columns that a key of the configuration, or a constant, can be."""

_COLUMNS: Final = {column.name: column for column in RUNS}
Key = Annotated[str, Field(min_length=1)]
Keys = Key | list[Key]


class RunMap(BaseModel):
    """What keys and metrics of logged runs mean, beyond what the rules know.

    Attributes:
        fields: Column -> keys of the configuration that hold it; asked before the rules' own keys.
        constants: What holds for every run: a column, or a key that the configuration lacks, such as `world_size`.
        metrics: Metric -> names under which the runs log it.
        directions: Metric -> whether lower or higher is better.
        ignore: Keys that only name, place or time one run: replicates may differ in them.
        evals: Benchmark -> name of the metric that logs its score.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    fields: dict[str, Keys] = {}
    constants: dict[Key, Constant] = {}
    metrics: dict[Label, Label | list[Label]] = {}
    directions: dict[Label, Direction] = {}
    ignore: list[Key] = []
    evals: dict[Label, Label] = {}

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: dict[str, Keys]) -> dict[str, Keys]:
        _check_names(fields)
        return fields

    @field_validator("constants")
    @classmethod
    def _fitting_constants(cls, constants: dict[str, Constant]) -> dict[str, Constant]:
        for name, value in constants.items():
            if name in _COLUMNS:
                _check_names([name])
                _check_constant(name, value)
        return constants

    @model_validator(mode="after")
    def _fits_together(self) -> RunMap:
        twice = sorted({*self.fields} & {*self.constants})
        if twice:
            raise mistake(f"{twice[0]} is both a key and a constant", "keep one of the two")
        names: dict[str, str] = {}
        for metric, aliases in self.aliases.items():
            for alias in aliases:
                if names.setdefault(alias, metric) != metric:
                    raise mistake(f"{alias} is both {names[alias]} and {metric}", "keep one of the two")
        return self

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Metric -> the names that mean it."""
        return {metric: _as_tuple(names) for metric, names in self.metrics.items()}

    def keys_of(self, field: str) -> tuple[str, ...]:
        """The configuration's keys that hold a field."""
        return _as_tuple(self.fields[field])

    def column_constants(self) -> dict[str, object]:
        """The constants that are columns, as the store holds them."""
        return {name: converted(_COLUMNS[name], value) for name, value in self.constants.items() if name in FIELDS}


NO_MAP: Final = RunMap.model_validate({})


def read_run_map(path: Path) -> RunMap:
    """Returns the map in a file.

    Raises:
        ConfigError: one sentence per mistake, each with file, line, key, value and fix.
    """
    document = read_yaml(path)
    values = {} if document.value is None else document.value
    if not isinstance(values, dict):
        problem = Problem("holds no `key: value` lines", "such as fields: {learning_rate: my.lr}")
        raise ConfigError(problem.sentence(str(path)))
    return validate(RunMap, values, document, str(path))


def _as_tuple(names: str | list[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if name not in FIELDS:
            raise mistake(f"unknown field {name!r}", nearest(name, FIELDS))


def _check_constant(name: str, value: object) -> None:
    try:
        converted(replace(_COLUMNS[name], required=False), value)
    except WrongValueError as problem:
        raise mistake(f"{name} {problem}, got {shown(value)}", "write a value that fits the column") from None
