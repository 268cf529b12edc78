"""Tables of trials whose importances are known, because the function behind them is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from tests.analysis.sweeps import make_results

Settings = Mapping[str, object]


def trial_rows(
    settings: Iterable[Settings],
    loss: Callable[[Settings], float],
    *,
    seeds: int = 1,
    noise: Callable[[], float] | None,
) -> list[dict[str, object]]:
    """Runs of each setting with its seeds; what is no typed column goes into `config_json`."""
    rows = []
    for setting in settings:
        typed = {key: value for key, value in setting.items() if key in ("learning_rate", "batch_size", "lora_rank")}
        for seed in range(seeds):
            value = loss(setting) + (noise() if noise else 0.0)
            row = {"learning_rate": 1e-4, **typed, "config_json": json.dumps(dict(setting)), "seed": seed}
            rows.append({**row, "value": value})
    return rows


def grid(
    loss: Callable[[Settings], float],
    *,
    seeds: int = 1,
    noise: Callable[[], float] | None = None,
    **levels: Iterable[object],
) -> pd.DataFrame:
    """Every combination of the levels."""
    settings: list[dict[str, object]] = [{}]
    for key, values in levels.items():
        settings = [{**setting, key: value} for setting in settings for value in values]
    return make_results(trial_rows(settings, loss, seeds=seeds, noise=noise))


def random_trials(
    loss: Callable[[Settings], float], n: int, seed: int, keys: Iterable[str], *, sd: float = 0.0
) -> pd.DataFrame:
    """Settings drawn uniformly from [0, 1) per key."""
    generator = np.random.default_rng(seed)
    names = list(keys)
    settings = [dict(zip(names, generator.uniform(size=len(names)).tolist(), strict=True)) for _ in range(n)]
    noise = (lambda: float(generator.normal(0, sd))) if sd else None
    return make_results(trial_rows(settings, loss, noise=noise))


def number(setting: Settings, key: str) -> float:
    """A setting as a number."""
    return float(str(setting[key]))
