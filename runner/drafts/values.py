"""A checked sweep file as the plain values that a person would write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analysis.strict_yaml.document import parse_yaml
from analysis.strict_yaml.write import to_yaml
from runner.errors import ConfigError
from runner.spec.schema import SweepSpec
from runner.spec.training import TARGET_GROUPS

Values = dict[str, object]
_SHORT: Final = (("model", "id"), ("dataset", "builtin"))
"""Sections that a single key may stand for."""


def spec_values(spec: SweepSpec) -> Values:
    """Returns what was set in a sweep file, in its short forms; paths are absolute."""
    return short_forms(spec.model_dump(mode="json", exclude_unset=True))


def short_forms(values: Mapping[str, object]) -> Values:
    """Returns the values of a sweep file with lists and words instead of one-key mappings."""
    short: Values = dict(values)
    for section, key in _SHORT:
        inside = short.get(section)
        if isinstance(inside, dict) and set(inside) == {key}:
            short[section] = inside[key]
    axes, training, seeds = short.get("axes"), short.get("training"), short.get("seeds")
    if isinstance(axes, dict):
        short["axes"] = {name: _short_axis(name, axis) for name, axis in axes.items()}
    if isinstance(training, dict):
        short["training"] = {name: _short_setting(name, value) for name, value in training.items()}
    if isinstance(seeds, list):
        short["seeds"] = short_seeds(seeds)
    return short


def readable_text(text: str) -> str:
    """Returns the text of a job's specification as a person would write it.

    Raises:
        ConfigError: it holds no mapping.
    """
    values = parse_yaml(text, "the job's specification").value
    if not isinstance(values, dict):
        raise ConfigError("the job's specification holds no `key: value` lines")
    return to_yaml(short_forms(values))


def short_seeds(seeds: list[int]) -> int | list[int]:
    """Returns a count where the seeds are 0, 1, 2 ..., else the list.

    >>> short_seeds([0, 1, 2]), short_seeds([1, 2])
    (3, [1, 2])
    """
    return len(seeds) if seeds == list(range(len(seeds))) else seeds


def _short_axis(name: str, axis: object) -> object:
    values = axis.get("values") if isinstance(axis, dict) else axis
    return [_short_setting(name, value) for value in values] if isinstance(values, list) else axis


def _short_setting(name: str, value: object) -> object:
    if name == "target_modules" and isinstance(value, list):
        return next((group for group, layers in TARGET_GROUPS.items() if sorted(layers) == sorted(value)), value)
    return value
