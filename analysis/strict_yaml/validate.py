"""From the plain values of a YAML file to a checked pydantic model; every mistake becomes a sentence with its line."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from analysis.strict_yaml.document import Document
from analysis.strict_yaml.explain import explain, nearest
from analysis.strict_yaml.problems import KeyPath, Problem, raise_problems

Model = TypeVar("Model", bound=BaseModel)

# Where several kinds of values are allowed, pydantic adds the kind that it tried to the path.
_KIND: Final = re.compile(r"(constrained-)?(str|int|float|bool)|\w+\[.*\]")


def validate(
    model: type[Model],
    values: Mapping[str, object],
    document: Document,
    file: str,
    context: Mapping[str, object] | None = None,
) -> Model:
    """Returns the checked model.

    Args:
        model: What the file must hold.
        values: The document's values, perhaps completed.
        document: For the lines of mistakes.
        file: How messages name the file.
        context: For the model's own validators.

    Raises:
        ConfigError: one sentence per mistake, each with file, line, key, value and fix.
    """
    try:
        return model.model_validate(values, context=None if context is None else dict(context))
    except ValidationError as error:
        problems = [_problem(model, details, document) for details in error.errors(include_url=False)]
        # A value that fits none of several kinds is one mistake; the first kind is what is usually meant.
        raise_problems(file, list({problem.path: problem for problem in reversed(problems)}.values())[::-1])
        raise  # unreachable: there is at least one problem


def _problem(model: type[BaseModel], details: ErrorDetails, document: Document) -> Problem:
    path: KeyPath = tuple(details["loc"])
    if details["type"] == "extra_forbidden":
        key = str(path[-1])
        return Problem(
            f"unknown key {key!r}", nearest(key, _valid_keys(model, path[:-1])), path, document.line_of(path)
        )
    if len(path) > 1 and path not in document.lines and _KIND.fullmatch(str(path[-1])):
        path = path[:-1]
    message, fix = explain(details)
    if details["type"] == "missing":
        fix = f"add {path[-1]}: ..."
    return Problem(message, fix, path, document.line_of(path))


def _valid_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Returns the keys of the section at a path of the file."""
    section = model
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
