"""Synthetic results tables whose truth is known, and the hypothesis strategies over them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from hypothesis import strategies as st

OPTIMUM = 2.7e-4
FLOOR = 2.5
CURVATURE = 0.05
HALF_DECADES = tuple(10 ** (exponent / 2) for exponent in range(-10, -3))
MODEL = "meta-llama/Llama-3.1-8B"

_DEFAULTS: Mapping[str, object] = {
    "status": "finished", "model": MODEL, "adapter": "lora", "batch_size": 8, "lora_rank": 16, "seed": 0, "n_logged": 1,
}  # fmt: skip
_COLUMNS = ("run_id", "learning_rate", "value", "trial_key", *_DEFAULTS)


def make_results(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Rows with defaults for what they do not say; `trial_key` follows from everything but seed, value and status."""
    full = []
    for index, row in enumerate(rows):
        filled = {**_DEFAULTS, "run_id": f"r{index:03d}", **row}
        told = {
            key: value for key, value in filled.items() if key not in {"run_id", "seed", "value", "status", "n_logged"}
        }
        full.append({"trial_key": json.dumps(told, sort_keys=True, default=str), **filled})
    return pd.DataFrame(full, columns=list(dict.fromkeys([*_COLUMNS, *(key for row in full for key in row)])))


def u_rows(
    learning_rates: Sequence[float] = HALF_DECADES,
    *,
    seeds: int = 1,
    sd: float = 0.0,
    generator: np.random.Generator | None = None,
    optimum: float = OPTIMUM,
    curvature: float = CURVATURE,
    lopsided: float = 0.0,
    **columns: object,
) -> list[dict[str, object]]:
    """Runs on `FLOOR + curvature u^2 (1 + lopsided tanh u)`, u = ln(lr / optimum), with normal noise."""
    rows = []
    for rate in learning_rates:
        u = math.log(rate / optimum)
        for seed in range(seeds):
            noise = float(generator.normal(0, sd)) if generator is not None else 0.0
            loss = FLOOR + curvature * u * u * (1 + lopsided * math.tanh(u)) + noise
            rows.append({"learning_rate": rate, "seed": seed, "value": loss, **columns})
    return rows


def losses(learning_rates: Sequence[float], values: Sequence[float], **columns: object) -> list[dict[str, object]]:
    """One finished run per learning rate with the given values."""
    return [
        {"learning_rate": rate, "value": value, **columns} for rate, value in zip(learning_rates, values, strict=True)
    ]


@st.composite
def sweeps(draw: st.DrawFn) -> pd.DataFrame:
    """A replicated or single-seed sweep over an even grid of 3 to 8 learning rates, with bounded noise."""
    n_rates = draw(st.integers(3, 8))
    step = draw(st.sampled_from([1.5, 2.0, math.sqrt(10), 4.0]))
    lowest = draw(st.sampled_from([1e-6, 1e-5, 3e-5, 1e-4]))
    rates = [lowest * step**index for index in range(n_rates)]
    seeds = draw(st.integers(1, 3))
    curvature = draw(st.sampled_from([0.0, 0.01, 0.05, 0.3]))
    optimum = lowest * step ** draw(st.floats(-1, n_rates))
    rows = u_rows(rates, seeds=seeds, optimum=optimum, curvature=curvature)
    noise = draw(st.lists(st.floats(-0.02, 0.02), min_size=len(rows), max_size=len(rows)))
    for row, shift in zip(rows, noise, strict=True):
        row["value"] = float(str(row["value"])) + shift
    return make_results(rows)


_ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def messy_tables() -> st.SearchStrategy[pd.DataFrame]:
    """Tables of anything that a store may hold: any state, any number, missing settings, broken JSON."""
    row = st.fixed_dictionaries(
        {
            "status": st.sampled_from(["finished", "diverged", "running", "queued", "failed", "stopped", "lost"]),
            "learning_rate": st.one_of(st.sampled_from([1e-4, 1.004e-4, 3e-4, 1e-3]), _ANY_FLOAT),
            "value": st.one_of(st.floats(0, 10), _ANY_FLOAT),
            "n_logged": st.integers(0, 2),
            "seed": st.integers(0, 2),
            "batch_size": st.one_of(st.none(), st.sampled_from([4, 8])),
            "model": st.one_of(st.none(), st.sampled_from([MODEL, "google/gemma-2-2b", "someone/else"])),
            "config_json": st.sampled_from([None, "{", "[]", '{"a": 1}', '{"a": {"b": [1, 2]}, "note": "x"}']),
        }
    )
    return st.lists(row, max_size=12).map(make_results)
