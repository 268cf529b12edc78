"""Columns of a benchmark matrix: one per benchmark and way of measuring it, so that no column mixes two ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.benchmarks.measurements import PROTOCOL, metric_words
from analysis.benchmarks.types import BenchmarkColumn, Flag

_LOWER_IS_BETTER: Final = frozenset(
    {"loss", "nll", "error", "errors", "perplexity", "ppl", "bits", "bpb", "brier", "wer", "cer", "ter", "ece"}
)
_UNBOUNDED: Final = frozenset({"loss", "nll", "perplexity", "ppl", "bits", "bpb", "byte", "elo"})
# Scores up to 10 may be marks out of ten, so that only larger ones are taken for percentages (our choice).
_HIGHEST_MARK: Final = 10.0

_Protocol = tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSplit:
    """Which column each measurement belongs to.

    Attributes:
        columns: By key.
        index: Position of each measurement's column.
        unstated: Whether a measurement leaves open what others of its column say of how they were measured.
        flags: Which benchmarks were measured in several ways, and what had to be guessed.
    """

    columns: tuple[BenchmarkColumn, ...]
    index: NDArray[np.int64]
    unstated: NDArray[np.bool_]
    flags: tuple[Flag, ...]


def split_columns(measured: pd.DataFrame) -> ColumnSplit:
    """Returns the columns of measurements of one metric per benchmark.

    Measurements share a column when harness, version, items, their number and the chance level are the same. One that
    leaves some of these open joins the most frequent way that it does not contradict, and is marked.
    """
    ways = _ways(measured)
    columns: list[BenchmarkColumn] = []
    flags: list[Flag] = []
    index = np.zeros(len(measured), dtype=np.int64)
    unstated = np.zeros(len(measured), dtype=bool)
    benchmarks = measured["benchmark"].to_numpy(dtype=object)
    for benchmark in sorted(set(benchmarks)):
        rows = np.flatnonzero(benchmarks == benchmark)
        own = [ways[row] for row in rows]
        merged = _merge(Counter(own))
        open_ways = {other for other, shown in merged.items() if _leaves_open(other, shown)}
        kept = list(dict.fromkeys(merged.values()))
        keys = _keys(str(benchmark), kept)
        for way, key in zip(kept, keys, strict=True):
            members = rows[[merged[other] == way for other in own]]
            index[members] = len(columns)
            unstated[members] = [ways[row] in open_ways for row in members]
            columns.append(_column(measured.iloc[members], key, way))
        flags += _flags(str(benchmark), keys, columns[-len(kept) :], measured.iloc[rows], bool(unstated[rows].any()))
    return ColumnSplit(tuple(columns), index, unstated, tuple(flags))


def _ways(measured: pd.DataFrame) -> list[_Protocol]:
    parts = [measured[name].astype(object).where(measured[name].notna(), None) for name in PROTOCOL]
    return list(zip(*parts, strict=True))


def _merge(counts: Counter[_Protocol]) -> dict[_Protocol, _Protocol]:
    """Returns way -> the way it is shown as; the most frequent ones are settled first."""
    shown: list[_Protocol] = []
    place: dict[_Protocol, int] = {}
    for way in sorted(counts, key=lambda way: (-counts[way], repr(way))):
        fitting = [position for position, other in enumerate(shown) if _agree(way, other)]
        if fitting:
            place[way] = fitting[0]
            both = zip(shown[fitting[0]], way, strict=True)
            shown[fitting[0]] = tuple(other if one is None else one for one, other in both)
        else:
            place[way] = len(shown)
            shown.append(way)
    return {way: shown[position] for way, position in place.items()}


def _agree(one: _Protocol, other: _Protocol) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _leaves_open(way: _Protocol, shown: _Protocol) -> bool:
    return any(a is None and b is not None for a, b in zip(way, shown, strict=True))


def _keys(benchmark: str, ways: Sequence[_Protocol]) -> list[str]:
    """Returns a key per way: the benchmark, with what tells the ways apart."""
    if len(ways) == 1:
        return [benchmark]
    different = [field for field in range(len(PROTOCOL)) if len({way[field] for way in ways}) > 1]
    return [f"{benchmark} [{', '.join(_named(field, way[field]) for field in different)}]" for way in ways]


def _named(field: int, value: object) -> str:
    if value is None:
        return f"{PROTOCOL[field]} ?"
    if PROTOCOL[field] == "n_items":
        return f"{value:g} items"
    if PROTOCOL[field] == "items_digest":
        return f"items {str(value)[:8]}"
    return f"chance {value:g}" if PROTOCOL[field] == "chance_level" else str(value)


def _column(members: pd.DataFrame, key: str, way: _Protocol) -> BenchmarkColumn:
    said = dict(zip(PROTOCOL, way, strict=True))
    metric = str(members["metric"].iloc[0])
    higher = _direction(members, metric)
    chance = _number(said["chance_level"])
    n_items = _number(said["n_items"])
    return BenchmarkColumn(
        key=key,
        benchmark=str(members["benchmark"].iloc[0]),
        metric=metric,
        higher_is_better=higher,
        chance_level=chance,
        scale=_scale(members["score"].to_numpy(dtype=float), metric, chance),
        n_items=None if n_items is None else int(n_items),
        harness=_text(said["harness"]),
        harness_version=_text(said["harness_version"]),
        items_digest=_text(said["items_digest"]),
        seed_sd=None,
        seed_dof=0,
        at_chance=None,
    )


def _direction(members: pd.DataFrame, metric: str) -> bool:
    said = [value for value in members["higher_is_better"] if value is not None]
    if said:
        return 2 * sum(bool(value) for value in said) >= len(said)
    return not metric_words(metric) & _LOWER_IS_BETTER


def _scale(scores: NDArray[np.float64], metric: str, chance: float | None) -> float | None:
    """Returns 1 for shares, 100 for percentages, None for scores without such a bound."""
    values = scores if chance is None else np.append(scores, chance)
    if metric_words(metric) & _UNBOUNDED or values.min() < 0 or values.max() > 100:
        return None
    if values.max() <= 1:
        return 1.0
    return 100.0 if values.max() > _HIGHEST_MARK else None


def _flags(
    benchmark: str,
    keys: Sequence[str],
    columns: Sequence[BenchmarkColumn],
    members: pd.DataFrame,
    some_unstated: bool,
) -> list[Flag]:
    flags = []
    if len(keys) > 1:
        text = f"{benchmark} was measured in {len(keys)} ways, which stand in columns of their own: {'; '.join(keys)}."
        flags.append(Flag("protocol", text, tuple(keys)))
    digests = {column.items_digest for column in columns} - {None}
    if len(digests) > 1:
        text = f"{benchmark}: scores on {len(digests)} different items under one name (digests) are never compared."
        flags.append(Flag("items", text, tuple(keys)))
    if some_unstated:
        text = f"{benchmark}: some scores do not say how they were measured as fully as others; they are marked."
        flags.append(Flag("protocol", text, tuple(keys)))
    directions: Mapping[bool, str] = {True: "higher", False: "lower"}
    if members["higher_is_better"].isna().all():
        text = f"{benchmark}: nobody said whether {columns[0].metric} is better high or low; "
        flags.append(Flag("direction", f"{text}{directions[columns[0].higher_is_better]} is taken.", tuple(keys)))
    return flags


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
