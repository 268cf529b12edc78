"""The configuration of runs as plain columns: the typed hyperparameters and every key of `config_json`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import pandas as pd

from analysis.store.schema import RUNS

GroupValue = str | int | float | bool | None
Group = Mapping[str, GroupValue]

# Typed keys that tell groups of runs apart. Ordered by what names a group best, since a key that splits nothing further
# is not shown: steps that follow from the batch size are not, warm-up steps that follow from the budget are not.
GROUP_KEYS: Final = (
    "model",
    "dataset",
    "objective",
    "adapter",
    "token_budget",
    "batch_size",
    "max_steps",
    "epochs",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "optimizer",
    "weight_decay",
    "lr_schedule",
    "warmup_steps",
    "clip_kind",
    "clip_value",
    "tokenizer_id",
    "eval_set_id",
)
# Losses compare only inside one value of each of these.
COMPARABLE: Final = (
    "model",
    "tokenizer_id",
    "dataset",
    "eval_set_id",
    "objective",
    "adapter",
    "max_steps",
    "token_budget",
    "epochs",
)
# What tells unrelated runs apart that state neither model nor data; beside those it is only a folder.
PROJECT: Final = "project"
HYPERPARAMETERS: Final = tuple(key for key in GROUP_KEYS if key not in COMPARABLE)
# What follows from other axes (or is measured), so that it never makes a curve of its own.
DERIVED: Final = ("batch_tokens", "grad_accum_steps")
# Not configured by anybody: in which columns the store follows what the user agreed to.
AGREED_ON: Final = "agreed_on"
# Never part of a group by themselves: the x axis, the replicates, and where a run came from.
OWN_AXES: Final = ("learning_rate", "seed", "source", "sweep_id", "group", "device", "host", AGREED_ON)
# Names under which tables keep the publication wave of a run or the version of what it was made with. Values measured
# with different versions do not compare (our choice of names; the last part of a dotted key counts, case ignored).
VERSION_NAMES: Final = frozenset(
    {"batch_tag", "code_version", "data_version", "dataset_version", "eval_version", "harness_version", "release",
     "snapshot", "wave"}
)  # fmt: skip
_MOST_PARSED: Final = 20_000
"""Configurations remembered, about 2 kB each."""
_TYPED: Final = frozenset({*(column.name for column in RUNS), AGREED_ON})


def read_configurations(runs: pd.DataFrame) -> dict[str, list[GroupValue]]:
    """Returns one list per configuration key, aligned with the rows.

    The typed keys come first, in the order above, then the other keys of `config_json`, sorted, nested ones as
    dotted keys. A typed column that is null takes its value from `config_json`. Lists become text; missing is None.

    Args:
        runs: Any of the columns of the runs table, one row per run; none is required.

    Returns:
        key -> values, each list as long as `runs`.
    """
    parsed = _parse_column(runs)
    typed = [*GROUP_KEYS, PROJECT, *OWN_AXES, *DERIVED]
    columns = {name: _typed_values(runs, name, parsed) for name in typed if name != AGREED_ON}
    if AGREED_ON in runs.columns and runs[AGREED_ON].notna().any():
        columns[AGREED_ON] = [plain(value) for value in runs[AGREED_ON]]
    extra = sorted({key for config in parsed for key in config} - _TYPED)
    return columns | {key: [config.get(key) for config in parsed] for key in extra}


def flatten(config: Mapping[str, object], prefix: str = "") -> dict[str, GroupValue]:
    """Returns a nested mapping with dotted keys and plain values.

    >>> flatten({"adam": {"beta1": 0.9}, "layers": [1, 2]})
    {'adam.beta1': 0.9, 'layers': '1, 2'}
    """
    flat: dict[str, GroupValue] = {}
    for key, value in config.items():
        # Nearly all values are of these types; asking for them first halves the time of a large store.
        if value is None or type(value) is str or type(value) is int or type(value) is bool:
            flat[prefix + key] = value
        elif type(value) is float:
            flat[prefix + key] = _plain_number(value)
        elif isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = plain(value)
    return flat


def plain(value: object) -> GroupValue:
    """Returns a cell as a hashable Python value: missing as None, 8.0 as 8, lists and infinities as text."""
    if value is None or value is pd.NA:
        return None
    if isinstance(value, str | bool):
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, int | float):
        return _plain_number(value)
    if isinstance(value, Iterable):
        return ", ".join(str(plain(item)) for item in value)
    return str(value)


def _plain_number(value: float) -> GroupValue:
    if not math.isfinite(value):
        return None if math.isnan(value) else str(value)  # JSON has no infinity, and no axis has either
    return int(value) if value == int(value) else value


def _parse_column(runs: pd.DataFrame) -> list[Mapping[str, GroupValue]]:
    if "config_json" not in runs.columns:
        return [{} for _ in range(len(runs))]
    return [_parse(text) for text in runs["config_json"]]


# Runs of a sweep repeat their configuration once per seed, and every question asks for the same ones again.
@lru_cache(maxsize=_MOST_PARSED)
def _parse(text: object) -> Mapping[str, GroupValue]:
    if not isinstance(text, str):
        return {}
    try:
        config = json.loads(text)
    except ValueError:
        return {}  # the store's own check reports damaged rows; here they only lack their extra keys
    return flatten(config) if isinstance(config, dict) else {}


def _typed_values(runs: pd.DataFrame, name: str, parsed: list[Mapping[str, GroupValue]]) -> list[GroupValue]:
    if name not in runs.columns:
        return [config.get(name) for config in parsed]
    column = runs[name]
    if column.dtype == object:  # lists cannot be told apart by hashing, and True would be taken for 1
        values = [value if value is None or type(value) is str else plain(value) for value in column]
    else:
        codes, different = pd.factorize(column)
        by_code = [*(plain(value) for value in different), None]  # missing has the code -1
        values = [by_code[code] for code in codes]
    return [config.get(name) if value is None else value for value, config in zip(values, parsed, strict=True)]
