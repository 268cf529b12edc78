"""Settings that are written down in ways that keep equal runs apart."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from analysis.health.types import Finding
from analysis.health.words import count, ids, listed
from analysis.runs.configuration import GROUP_KEYS, GroupValue, plain

_TYPES: Final[Mapping[type, str]] = {
    bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object",
}  # fmt: skip
_NAMES: Final = ("model", "dataset", "tokenizer_id", "eval_set_id", "objective", "adapter", "optimizer", "lr_schedule")
_SAME: Final = 1e-6
"""Relative difference up to which two numbers are one; a rate that went through 32 bits is still the same."""


def find_odd_settings(results: pd.DataFrame, columns: Mapping[str, Sequence[GroupValue]]) -> Iterator[Finding]:
    """Yields settings of mixed types, contradictions, and near-equal names.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        columns: Configuration keys, as `read_configurations` gives them.
    """
    configs = read_raw(results)
    yield from _mixed_types(results, configs)
    yield from _contradictions(results, configs)
    yield from _spellings(results, columns)


def read_raw(results: pd.DataFrame) -> list[Mapping[str, object]]:
    """Returns `config_json` of each row with its JSON types kept, nested keys dotted; unreadable ones are empty."""
    seen: dict[object, Mapping[str, object]] = {}
    for text in results["config_json"].unique():
        seen[text] = dict(_walk(_parsed(text), ""))
    return [seen[text] for text in results["config_json"]]


def _parsed(text: object) -> Mapping[str, object]:
    if not isinstance(text, str):
        return {}
    try:
        config = json.loads(text)
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _walk(config: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _walk(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _mixed_types(results: pd.DataFrame, configs: Sequence[Mapping[str, object]]) -> Iterator[Finding]:
    types: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for run_id, config in zip(results["run_id"], configs, strict=True):
        for key, value in config.items():
            types[key][_type_of(value)].append(run_id)
    for key, by_type in sorted(types.items()):
        if len(by_type) > 1:
            shares = sorted(by_type.items(), key=lambda item: -len(item[1]))
            told = ", ".join(f"{name} in {count(len(run_ids), 'run')}" for name, run_ids in shares)
            yield Finding(
                kind="mixed_types",
                severity="problem",
                message=f"The setting {key} is {told}. Equal settings of different types fall into different groups.",
                run_ids=ids(run_id for _, run_ids in shares[1:] for run_id in run_ids),
                advice=f"Write {key} the same way everywhere.",
            )
        elif next(iter(by_type)) == "a number as text":
            yield Finding(
                kind="text_numbers",
                severity="remark",
                message=f"The setting {key} is a number written as text; it is sorted as text and drawn on no axis.",
                run_ids=(),
                advice=f"Write {key} as a number.",
            )


def _type_of(value: object) -> str:
    if isinstance(value, str) and _number(value) is not None:
        return "a number as text"
    return _TYPES.get(type(value), "something else")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _contradictions(results: pd.DataFrame, configs: Sequence[Mapping[str, object]]) -> Iterator[Finding]:
    for key in (*GROUP_KEYS, "learning_rate", "seed"):
        if key not in results.columns:
            continue
        cells = zip(results["run_id"], results[key], configs, strict=True)
        differing = [run_id for run_id, cell, config in cells if _contradict(plain(cell), plain(config.get(key)))]
        if differing:
            yield Finding(
                kind="contradiction",
                severity="problem",
                message=f"In {count(len(differing), 'run')} the column {key} says one thing and the configuration "
                f"another. The column counts.",
                run_ids=ids(differing),
                advice=f"Correct whichever {key} is wrong.",
            )


def _contradict(cell: GroupValue, configured: GroupValue) -> bool:
    if cell is None or configured is None:
        return False
    if isinstance(cell, int | float) and isinstance(configured, int | float):
        return not math.isclose(cell, configured, rel_tol=_SAME)
    return type(cell) is type(configured) and cell != configured  # another type is a finding of its own


def _spellings(results: pd.DataFrame, columns: Mapping[str, Sequence[GroupValue]]) -> Iterator[Finding]:
    for key in _NAMES:
        spelled: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for run_id, value in zip(results["run_id"], columns[key], strict=True):
            if isinstance(value, str):
                spelled[_bare(value)][value].append(run_id)
        for names in spelled.values():
            if len(names) > 1:
                shares = sorted(names.items(), key=lambda item: (-len(item[1]), item[0]))
                yield Finding(
                    kind="spelling",
                    severity="remark",
                    message=f"{key} is spelled {listed([repr(name) for name in sorted(names)])}. If they are the same, "
                    f"their runs are kept apart for nothing.",
                    run_ids=ids(run_id for _, run_ids in shares[1:] for run_id in run_ids),
                    advice=f"Write one name for one {key}.",
                )


def _bare(name: str) -> str:
    """A name without its organisation, capitals and separators."""
    return re.sub(r"[\s_.\-]+", "", name.rstrip("/").rsplit("/", 1)[-1].casefold())
