"""Rows of a benchmark matrix: runs, or trials over their seeds, and what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from analysis.benchmarks.types import BenchmarkRow, By
from analysis.number_format import format_tried_lr
from analysis.runs.configuration import DERIVED, GROUP_KEYS, OWN_AXES, Group, GroupValue, plain, read_configurations

_NOT_CONFIGURATION: Final = frozenset({*DERIVED, *OWN_AXES} - {"learning_rate"})
_SHORT: Final = {"learning_rate": "lr", "batch_size": "batch", "lora_rank": "rank", "lora_alpha": "alpha"}
_MOST_NAMED: Final = 4
# How the un-tuned base model is kept: a run of its own, with no adapter.
_BASE: Final = "base-"
_NO_ADAPTER: Final = "none"


def make_rows(runs: pd.DataFrame, scored: set[str], by: By) -> tuple[BenchmarkRow, ...]:
    """Returns one row per run that has a score, or per trial of which one has, in the order of the runs.

    Needs columns: those of the runs table; one row per run.

    Args:
        runs: The runs in view.
        scored: Ids of those that have a score.
        by: What a row is. A run without a trial key is a trial of its own.
    """
    members: dict[str, list[int]] = {}
    for position, (run_id, key) in enumerate(zip(runs["run_id"], _row_keys(runs, by), strict=True)):
        if str(run_id) in scored:
            members.setdefault(key, []).append(position)
    configs = _configs(read_configurations(runs), [positions[0] for positions in members.values()])
    run_names = [_run_name(runs, positions[0]) for positions in members.values()]
    ids = [str(run_id) for run_id in runs["run_id"]]
    is_base_run = list(base_runs(runs))
    bases = [bool(is_base_run[positions[0]]) for positions in members.values()]
    names = run_names if by == "run" else _trial_names(configs, run_names, bases)
    return tuple(
        BenchmarkRow(
            key=key,
            name=name,
            config=config,
            run_ids=tuple(sorted(ids[position] for position in positions)),
            is_base=is_base,
        )
        for (key, positions), name, config, is_base in zip(
            members.items(), _unique(names, list(members)), configs, bases, strict=True
        )
    )


def base_runs(runs: pd.DataFrame) -> pd.Series:
    """Returns for each run whether it is the un-tuned base model.

    Needs columns: run_id, and adapter, without which none is.
    """
    if "adapter" not in runs.columns:
        return pd.Series(False, index=runs.index)
    return (runs["adapter"] == _NO_ADAPTER).fillna(False).astype(bool) & runs["run_id"].str.startswith(_BASE)


def trial_of_runs(runs: pd.DataFrame) -> dict[str, str]:
    """Returns run id -> trial key; a run without one stands for itself."""
    return dict(zip((str(run_id) for run_id in runs["run_id"]), _row_keys(runs, "trial"), strict=True))


def _row_keys(runs: pd.DataFrame, by: By) -> list[str]:
    ids = [str(run_id) for run_id in runs["run_id"]]
    if by == "run" or "trial_key" not in runs.columns:
        return ids
    keys = [plain(key) for key in runs["trial_key"]]
    return [run_id if key is None else str(key) for run_id, key in zip(ids, keys, strict=True)]


def _configs(columns: Mapping[str, Sequence[GroupValue]], firsts: Sequence[int]) -> list[Group]:
    varying = [
        key
        for key in ["learning_rate", *columns]
        if key not in _NOT_CONFIGURATION and len({columns[key][row] for row in firsts}) > 1
    ]
    return [{key: columns[key][row] for key in varying} for row in firsts]


def _run_name(runs: pd.DataFrame, position: int) -> str:
    own = plain(runs["name"].iloc[position]) if "name" in runs.columns else None
    return str(runs["run_id"].iloc[position] if own is None else own)


def _trial_names(configs: Sequence[Group], run_names: Sequence[str], bases: Sequence[bool]) -> list[str]:
    """Returns a text per trial; the base model, which has no configuration to speak of, keeps its own name."""
    tuned = [at for at, is_base in enumerate(bases) if not is_base]
    names = dict(zip(tuned, _config_names([configs[at] for at in tuned], [run_names[at] for at in tuned]), strict=True))
    return [names.get(at, own) for at, own in enumerate(run_names)]


def _config_names(configs: Sequence[Group], run_names: Sequence[str]) -> list[str]:
    """Returns a text per configuration: what tells it from the others, without what follows from the rest."""
    varying = list(configs[0]) if configs else []
    typed = [key for key in varying if key == "learning_rate" or key in GROUP_KEYS]
    shown: list[str] = []
    for key in typed or varying:
        if len(shown) < _MOST_NAMED and _n_different(configs, [*shown, key]) > _n_different(configs, shown):
            shown.append(key)
    texts = [", ".join(f"{_SHORT.get(key, key)} {_text(key, config[key])}" for key in shown) for config in configs]
    return [text or name for text, name in zip(texts, run_names, strict=True)]


def _n_different(configs: Sequence[Group], keys: Sequence[str]) -> int:
    return len({tuple(config[key] for key in keys) for config in configs})


def _text(key: str, value: GroupValue) -> str:
    if key == "learning_rate" and isinstance(value, int | float) and value > 0:
        return format_tried_lr(value)
    return f"{value:g}" if isinstance(value, float) else str("none" if value is None else value)


def _unique(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Returns the names, repeated ones with as much of their key as tells them apart."""
    unique = list(names)
    for length in (6, 12, max(map(len, keys), default=0)):
        counts = Counter(unique)
        pairs = zip(names, unique, keys, strict=True)
        unique = [own if counts[own] == 1 else f"{name} ({key[:length]})" for name, own, key in pairs]
    return unique
