"""From a file (or a mapping made by a form) to a checked SweepSpec."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from analysis.store.identity import ID_PATTERN
from runner.errors import ConfigError
from runner.spec.explain import explain, nearest
from runner.spec.problems import KeyPath, Problem, raise_problems
from runner.spec.schema import SweepSpec
from runner.spec.strict_yaml import Document, parse_yaml, read_yaml


def load_sweep_spec(path: Path) -> SweepSpec:
    """Returns the checked sweep of a YAML file; `name` defaults to the file's stem.

    Raises:
        ConfigError: one sentence per mistake, each with file, line, key, value and fix.
    """
    return _check(read_yaml(Path(path)), file=str(path), folder=Path(path).parent, stem=Path(path).stem)


def parse_sweep_spec(text: str, *, file: str = "sweep.yaml", folder: Path | None = None) -> SweepSpec:
    """Returns the checked sweep of YAML text, as `load_sweep_spec` does for a file; `folder` anchors relative paths."""
    return _check(parse_yaml(text, file), file=file, folder=folder, stem=Path(file).stem)


def _check(document: Document, *, file: str, folder: Path | None, stem: str) -> SweepSpec:
    values = document.value
    if not isinstance(values, dict):
        got = "is empty" if values is None else "holds no `key: value` lines"
        raise ConfigError(Problem(got, "start from examples/demo.yaml").sentence(file))
    if "name" not in values:
        _check_stem(stem, file)
        values = {"name": stem, **values}
    try:
        return SweepSpec.model_validate(values, context={"folder": None if folder is None else folder.resolve()})
    except ValidationError as error:
        raise_problems(file, [_problem(details, document) for details in error.errors(include_url=False)])
        raise  # unreachable: there is at least one problem


def _check_stem(stem: str, file: str) -> None:
    if not re.fullmatch(ID_PATTERN, stem):
        message = f"the file's name {stem!r} cannot be the sweep's name"
        raise ConfigError(Problem(message, "add a line such as name: my-sweep").sentence(file))


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path: KeyPath = tuple(details["loc"])
    if details["type"] == "extra_forbidden":
        key = str(path[-1])
        return Problem(f"unknown key {key!r}", nearest(key, _valid_keys(path[:-1])), path, document.line_of(path))
    message, fix = explain(details)
    if details["type"] == "missing":
        fix = f"add {path[-1]}: ..."
    return Problem(message, fix, path, document.line_of(path))


def _valid_keys(path: KeyPath) -> list[str]:
    """Returns the keys of the section at a path of the sweep file."""
    section: type[BaseModel] = SweepSpec
    for part in path:
        inner = _section_in(section.model_fields[str(part)].annotation) if part in section.model_fields else None
        section = inner or section
    return list(section.model_fields)


def _section_in(annotation: object) -> type[BaseModel] | None:
    """Returns the section class inside a type such as `Section | None` or `dict[str, Section]`."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in (Union, types.UnionType, dict):
        for argument in get_args(annotation):
            if (found := _section_in(argument)) is not None:
                return found
    return None
