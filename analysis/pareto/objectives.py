"""Objectives by name: a logged metric, a column of the runs table, or a benchmark's score; one table holds them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from analysis.errors import FilterError
from analysis.pareto.types import Objective
from analysis.runs.direction import Direction, direction_of
from analysis.store import Condition, Snapshot

BENCHMARK: Final = "benchmark:"
COST_COLUMNS: Final = ("wall_s", "peak_memory_bytes", "tokens_seen", "batch_tokens", "lora_rank", "batch_size")
"""Columns of the runs table that somebody may want to be small; bytes, seconds and tokens are compared as ratios."""
_LOG_ENDINGS: Final = ("_bytes", "_s", "_tokens", "tokens_seen")
_EXAMPLE: Final = "write NAME, NAME:max, or NAME:min:log"


def parse_objective(text: str, declared: Mapping[str, Direction] | None = None) -> Objective:
    """Returns the objective that `NAME[:min|:max][:log|:linear]` states.

    Without a direction it is the one that an import declared or that the name says; bytes, seconds and tokens are on a
    log scale, since twice the memory is twice the memory whatever the rest needs.

    Raises:
        FilterError: the name is empty.

    >>> parse_objective("peak_memory_bytes")
    Objective(name='peak_memory_bytes', direction='min', scale='log')
    """
    name = text.strip()
    given: dict[str, str] = {}
    while ":" in name and (word := name.rsplit(":", 1)[1]) in ("min", "max", "log", "linear"):
        given.setdefault("direction" if word in ("min", "max") else "scale", word)
        name = name.rsplit(":", 1)[0]
    if not name or name == BENCHMARK:
        raise FilterError(f"the objective {text!r} has no name; {_EXAMPLE}")
    is_score = name.startswith(BENCHMARK) and name not in (declared or {})
    known: Direction = "max" if is_score else direction_of(name, declared)
    objective = Objective(name=name, direction=known, scale="log" if name.endswith(_LOG_ENDINGS) else "linear")
    if "direction" in given:
        objective = replace(objective, direction="max" if given["direction"] == "max" else "min")
    return replace(objective, scale="log" if given["scale"] == "log" else "linear") if "scale" in given else objective


def read_objectives(
    snapshot: Snapshot, texts: Sequence[str], where: Sequence[Condition] = ()
) -> tuple[pd.DataFrame, tuple[Objective, ...]]:
    """Returns one row per run with all columns of `Snapshot.runs` and one column per objective, and the objectives.

    Args:
        snapshot: Of the store.
        texts: As `parse_objective` reads them; two or more, each once.
        where: Which runs.

    Raises:
        FilterError: fewer than two objectives, one twice, or one that the store does not have.
    """
    evals = snapshot.evals(where)
    declared = {**snapshot.metric_directions(), **_benchmark_directions(evals)}
    objectives = tuple(parse_objective(text, declared) for text in texts)
    names = [objective.name for objective in objectives]
    if len(objectives) < 2 or len(set(names)) < len(names):
        raise FilterError(f"A trade-off needs two or more different objectives, got {', '.join(names) or 'none'}.")
    runs = snapshot.runs(where)
    return runs.assign(**{name: _column(snapshot, runs, evals, name, where) for name in names}), objectives


def known_objectives(snapshot: Snapshot) -> list[str]:
    """Returns every name that can be an objective: metrics, benchmarks, then the columns that say what a run costs."""
    return [*snapshot.metric_names(), *_benchmark_names(snapshot.evals()), *COST_COLUMNS]


def _column(
    snapshot: Snapshot, runs: pd.DataFrame, evals: pd.DataFrame, name: str, where: Sequence[Condition]
) -> pd.Series:
    """One objective's values, aligned with the runs; NaN where a run has none."""
    if name in (*snapshot.metric_names(), *snapshot.logged_names()):
        values = snapshot.results(name, where).set_index("run_id")["value"]
    elif name.startswith(BENCHMARK):
        values = _benchmark_scores(evals, name)
    elif name in COST_COLUMNS:
        values = runs.set_index("run_id")[name]
    else:
        known = ", ".join(known_objectives(snapshot))
        raise FilterError(f"There is no objective '{name}'; there are: {known}.")
    return pd.to_numeric(runs["run_id"].map(values), errors="coerce").astype(float)


def _benchmark_scores(evals: pd.DataFrame, name: str) -> pd.Series:
    """The newest score of each run, indexed by run_id.

    Raises:
        FilterError: no run has the benchmark, or it has several metrics and the name does not say which.
    """
    labels = _benchmark_labels(evals)
    matching = evals[(labels == name) | (_benchmark_labels(evals, with_metric=True) == name)]
    if matching.empty:
        known = ", ".join(_benchmark_names(evals)) or "no benchmark at all"
        raise FilterError(f"No run in view has a score of '{name}'; there are: {known}.")
    metrics = sorted(matching["metric"].unique())
    if len(metrics) > 1:
        choice = " or ".join(f"{name}/{metric}" for metric in metrics)
        raise FilterError(f"'{name}' was measured in several ways; write {choice}.")
    newest = matching.sort_values(["run_id", "step"], kind="stable").groupby("run_id")["score"]
    return newest.last()


def _benchmark_names(evals: pd.DataFrame) -> list[str]:
    """Every benchmark by the shortest name that is not ambiguous."""
    pairs = sorted(set(zip(evals["benchmark"].astype(str), evals["metric"].astype(str), strict=True)))
    counts = pd.Series([benchmark for benchmark, _ in pairs], dtype=str).value_counts()
    return [
        f"{BENCHMARK}{benchmark}" if counts[benchmark] == 1 else f"{BENCHMARK}{benchmark}/{metric}"
        for benchmark, metric in pairs
    ]


def _benchmark_labels(evals: pd.DataFrame, *, with_metric: bool = False) -> pd.Series:
    labels = BENCHMARK + evals["benchmark"].astype(str)
    return labels + "/" + evals["metric"].astype(str) if with_metric else labels


def _benchmark_directions(evals: pd.DataFrame) -> dict[str, Direction]:
    """Name -> direction, under the short and the long name, where the harness said it."""
    said = evals[evals["higher_is_better"].notna()]
    better: list[Direction] = ["max" if higher else "min" for higher in said["higher_is_better"]]
    short = dict(zip(_benchmark_labels(said), better, strict=True))
    return short | dict(zip(_benchmark_labels(said, with_metric=True), better, strict=True))
