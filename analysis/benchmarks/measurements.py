"""The evals table, read into measurements: fixed types, finite scores, one metric per benchmark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.benchmarks.types import Flag
from analysis.errors import FilterError, SchemaError

PROTOCOL: Final = ("harness", "harness_version", "items_digest", "n_items", "chance_level")
"""Scores that differ in one of these were not measured in the same way and never share a column."""

_NUMBERS: Final = ("score", "stderr", "n_items", "chance_level")
_TEXTS: Final = ("run_id", "benchmark", "metric", "harness", "harness_version", "items_digest")
_PREFERRED: Final = ("acc_norm", "exact_match", "accuracy", "acc")
"""What users of the usual harness quote where several metrics are there for equally many runs, in this order."""


def read_measurements(evals: pd.DataFrame) -> tuple[pd.DataFrame, list[Flag]]:
    """Returns the finite scores with fixed types, sorted so that no later sum depends on the order of the rows.

    Needs columns: those of the evals table; one row per score.

    Raises:
        SchemaError: a column is missing.
    """
    needed = [*_TEXTS, *_NUMBERS, "step", "higher_is_better"]
    missing = [name for name in needed if name not in evals.columns]
    if missing:
        raise SchemaError(f"An evals table needs the columns {', '.join(needed)}; it lacks {', '.join(missing)}.")
    table = pd.DataFrame(
        {
            **{name: _objects(evals[name]) for name in _TEXTS},
            **{name: _floats(evals[name]) for name in _NUMBERS},
            "step": evals["step"].to_numpy(dtype=np.int64),
            "higher_is_better": _objects(evals["higher_is_better"]),
        }
    )
    finite = np.isfinite(table["score"].to_numpy())
    flags = [_nonfinite_flag(table[~finite])] if not finite.all() else []
    order = ["run_id", "benchmark", "metric", "step", "score"]
    return table[finite].sort_values(order, kind="stable", ignore_index=True), flags


def pick_metrics(measured: pd.DataFrame, asked: Sequence[str] = ()) -> tuple[pd.DataFrame, list[Flag]]:
    """Returns the measurements of one metric per benchmark.

    The metric that most runs have; among equals acc_norm, exact_match, accuracy, acc, then the first by name.

    Args:
        measured: As `read_measurements` gives them.
        asked: Only these benchmarks, each as `NAME` or `NAME:METRIC`; all when empty.

    Raises:
        FilterError: an unknown benchmark or metric is asked for.
    """
    metrics = available_metrics(measured)
    wanted = _parse_asked(asked, metrics) if asked else dict.fromkeys(metrics)
    chosen = {name: metric or metrics[name][0] for name, metric in wanted.items()}
    picked = [
        chosen.get(name) == metric for name, metric in zip(measured["benchmark"], measured["metric"], strict=True)
    ]
    flags = [flag for name, metric in chosen.items() if (flag := _metric_flag(measured, name, metric, metrics[name]))]
    return measured[np.array(picked, dtype=bool)].reset_index(drop=True), flags


def available_metrics(measured: pd.DataFrame) -> dict[str, list[str]]:
    """Returns benchmark -> its metrics, the one that counts by default first; benchmarks by name."""
    pairs = measured[["run_id", "benchmark", "metric"]].drop_duplicates()
    n_runs = Counter((str(name), str(metric)) for name, metric in zip(pairs["benchmark"], pairs["metric"], strict=True))
    found: dict[str, list[tuple[int, int, str]]] = {}
    for (benchmark, metric), n in sorted(n_runs.items()):
        found.setdefault(benchmark, []).append((-n, _preference(metric), metric))
    return {name: [metric for _, _, metric in sorted(metrics)] for name, metrics in found.items()}


def metric_words(metric: str) -> set[str]:
    """Returns the words of a metric's name, without the filter that some harnesses append after a comma."""
    return set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric.split(",")[0]).lower()))


def _preference(metric: str) -> int:
    stem = metric.split(",")[0].lower()
    return _PREFERRED.index(stem) if stem in _PREFERRED else len(_PREFERRED)


def _parse_asked(asked: Sequence[str], metrics: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
    wanted: dict[str, str | None] = {}
    for text in asked:
        name, _, metric = text.rpartition(":")
        if text in metrics:
            wanted[text] = None
        elif metric in metrics.get(name, ()):
            wanted[name] = metric
        elif name in metrics:
            raise FilterError(f"{name} has no metric '{metric}'; it has: {', '.join(metrics[name])}.")
        else:
            known = ", ".join(metrics) or "none yet"
            raise FilterError(f"No run has a score on the benchmark '{text}'; there are: {known}.")
    return {name: wanted[name] for name in sorted(wanted)}


def _metric_flag(measured: pd.DataFrame, name: str, metric: str, metrics: Sequence[str]) -> Flag | None:
    if len(metrics) == 1:
        return None
    own = measured[measured["benchmark"] == name]
    n_without = own["run_id"].nunique() - own.loc[own["metric"] == metric, "run_id"].nunique()
    lost = f"; {n_without} {'run has' if n_without == 1 else 'runs have'} only another one" if n_without else ""
    others = ", ".join(other for other in metrics if other != metric)
    return Flag("metric", f"{name} is shown by {metric}{lost} (also measured: {others}).", (name,))


def _nonfinite_flag(broken: pd.DataFrame) -> Flag:
    names = sorted({str(name) for name in broken["benchmark"]})
    text = f"{len(broken)} {'score is' if len(broken) == 1 else 'scores are'} no finite number and count as missing."
    return Flag("nonfinite", text, tuple(names))


def _objects(column: pd.Series) -> pd.Series:
    """Returns the values with None for what is missing, numbered from 0."""
    return column.astype(object).where(column.notna(), None).reset_index(drop=True)


def _floats(column: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
