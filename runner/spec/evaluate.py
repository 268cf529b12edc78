"""On which benchmarks a sweep's runs are scored, and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from analysis.strict_yaml.problems import shown
from runner.errors import ConfigError
from runner.spec.fields import IsWhole, Section, refuse

END = "end"
_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,6})?)%")


def _moment(value: object) -> object:
    if value == END or (isinstance(value, str) and _SHARE.fullmatch(value) and float(value[:-1]) > 0):
        return value
    return refuse(f"must be end or a share of the run, got {shown(value)}", "write end or a share such as 50%")


Moment = Annotated[str, BeforeValidator(_moment)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class EvaluateSection(Section):
    """Scores of every run and of its base model on benchmarks; no part of what makes two trials the same."""

    benchmarks: tuple[Name, ...] = Field(
        description="Bundled benchmarks (`ucurve eval --list`) and paths of .jsonl files.",
        max_length=200,
        json_schema_extra={"shown_type": "name, path or list", "shown_range": "1 to 200 items"},
    )
    at: tuple[Moment, ...] = Field(
        default=(END,),
        description="When the adapters are taken that are scored: end, and shares of the run such as 50%.",
        max_length=20,
        json_schema_extra={"shown_default": "end", "shown_type": "moment or list", "shown_range": "1 to 20 items"},
    )
    max_items: Annotated[int, Field(ge=1, le=10_000_000), IsWhole] | None = Field(
        default=None,
        description="Ask only the first items of each benchmark.",
        json_schema_extra={"unit": "items", "shown_default": "all"},
    )

    @field_validator("benchmarks", "at", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("benchmarks", "at")
    @classmethod
    def _some_and_each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        # No bound on the annotation: where a name is wrong, it would complain that none is left.
        if not names:
            refuse("must not be empty, got []", "name one or more")
        if len(set(names)) != len(names):
            refuse(f"names one twice, got {shown(list(names))}", "name each once")
        return names

    @field_validator("benchmarks")
    @classmethod
    def _are_known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from runner.evaluation.catalogue import expand_names  # it needs the data sets, and these this package

        try:
            expand_names(names)
        except ConfigError as error:
            what, _, fix = str(error).partition("; ")
            refuse(what, fix)
        folder = (info.context or {}).get("folder")
        return names if folder is None else tuple(_anchored(name, Path(folder)) for name in names)

    def part_steps(self, n_steps: int) -> tuple[int, ...]:
        """Returns after how many steps, before the end of a run of `n_steps`, adapters are kept to be scored."""
        shares = (float(moment[:-1]) / 100 for moment in self.at if moment != END)
        return tuple(sorted({max(1, round(share * n_steps)) for share in shares} - {n_steps}))


def _anchored(name: str, folder: Path) -> str:
    return str((folder / Path(name).expanduser()).resolve()) if name.lower().endswith(".jsonl") else name
