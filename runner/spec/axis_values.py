"""The values of an axis as its training setting types them, and what is wrong with those that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import ValidationError

from analysis.strict_yaml.explain import explain, nearest
from analysis.strict_yaml.problems import Problem
from runner.spec.axes import AxisSection, spaced_values
from runner.spec.training import HYPERPARAMETERS, TrainingSection

Setting = None | int | float | str | tuple[str, ...]
WHOLE_SETTINGS = frozenset({"batch_size", "lora_rank", "warmup_steps", "max_length"})


def axis_values(name: str, axis: AxisSection) -> list[Setting]:
    """Returns the values in the order of the file; of a rule, in rising order; none for `around`.

    Raises:
        ValidationError: when a value does not fit; `axis_problems` has found it before.
    """
    return [_typed(name, value) for value in _raw_values(name, axis)]


def axis_problems(name: str, axis: AxisSection) -> list[Problem]:
    """Returns what is wrong with an axis' name, rule and values; paths start at the axis."""
    if name not in HYPERPARAMETERS:
        return [Problem(f"unknown axis {name!r}", nearest(name, HYPERPARAMETERS))]
    if axis.around is not None:
        if name == "learning_rate":
            return []
        return [Problem("only learning_rate has a recommended value", "write {log: [a, b], points: n} or a list")]
    problems = [
        problem for index, value in enumerate(_raw_values(name, axis)) for problem in _misfits(name, index, value)
    ]
    if axis.values is None:
        problems = [Problem(f"the rule makes a value that {one.message}", one.fix) for one in problems[:1]]
    return problems or _repeated(name, axis)


def _raw_values(name: str, axis: AxisSection) -> Sequence[object]:
    if axis.around is not None:
        return ()
    return axis.values if axis.values is not None else spaced_values(axis, whole=name in WHOLE_SETTINGS)


def _typed(name: str, value: object) -> Setting:
    return cast("Setting", getattr(TrainingSection.model_validate({name: value}), name))


def _misfits(name: str, index: int, value: object) -> list[Problem]:
    if name == "learning_rate" and value is None:
        return [Problem("must be a number, got nothing", "write a number", (index,))]
    try:
        _typed(name, value)
    except ValidationError as error:
        return [Problem(*explain(details), (index, *details["loc"][1:])) for details in error.errors(include_url=False)]
    return []


def _repeated(name: str, axis: AxisSection) -> list[Problem]:
    seen: set[Setting] = set()
    for index, value in enumerate(axis_values(name, axis)):
        if value in seen:
            return [Problem(f"the value {value!r} is listed twice", "list each value once", (index,))]
        seen.add(value)
    return []
