"""The history of one log as the tables of a `SourceRun`, by Arrow throughout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.source_run import HISTORY_SCHEMA, OBJECTS_SCHEMA
from analysis.importers.wandb.canonical import canonical_texts
from analysis.importers.wandb.media import MediaValue
from analysis.importers.wandb_log import path_keys

_TOKEN_COUNTS: Final = (
    "num_input_tokens_seen",
    "train/num_input_tokens_seen",
    "tokens_seen",
    "train/tokens_seen",
    "num_tokens",
    "train/num_tokens",
)
"""Keys that count all trained tokens so far: of Hugging Face Trainer, of many a loop, of TRL. The first one counts."""
_INT64_END: Final = 2.0**63


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers and other values of one attempt, each ordered by step; schemas as in `SourceRun`."""

    history: pa.Table
    objects: pa.Table


def shown_names(keys: Iterable[str]) -> dict[str, str]:
    r"""Key paths -> names as W&B shows them: a dot inside a key is written plainly where nothing else has that name.

    >>> shown_names(["n\\.a", "a.b"]), shown_names(["n\\.a", "n.a"])
    ({'n\\.a': 'n.a', 'a.b': 'a.b'}, {'n\\.a': 'n\\.a', 'n.a': 'n.a'})
    """
    plain = {key: ".".join(path_keys(key)) for key in keys}
    n_keys = Counter(plain.values())
    return {key: name if n_keys[name] == 1 else key for key, name in plain.items()}


def to_values(
    history: pa.Table, media: Iterable[MediaValue], *, attempt: int, started: float | None, names: Mapping[str, str]
) -> Values:
    """The tables of one attempt.

    Args:
        history: Of a log, `analysis.importers.wandb_log.HISTORY_SCHEMA`, without `media`.
        media: Values that are objects.
        attempt: Its number.
        started: When the process began, seconds since 1970; for rows without a running time of their own.
        names: Of `shown_names`.
    """
    key = history["key"].combine_chunks()
    name = pa.DictionaryArray.from_arrays(
        key.indices, pa.array([names[text] for text in key.dictionary.to_pylist()], pa.string())
    )
    columns = {
        "attempt": pa.array(np.full(len(history), attempt, dtype=np.int64)),
        "step": history["step"],
        "tokens_seen": _tokens_seen(history, name),
        "wall_time": _wall_time(history, started),
        "name": name,
        "value": history["number"],
    }
    numbers = pa.table(columns).filter(history["number"].is_valid()).cast(HISTORY_SCHEMA)
    return Values(numbers, _objects(history, name, media, attempt, names))


def continued(before: Values, own: Values, *, attempt: int, first_step: int) -> Values:
    """An attempt that went on at `first_step`: what was before that step, then its own values."""
    kept = [
        table.filter(pc.less(table["step"], first_step)).set_column(
            0, "attempt", pa.array(np.full(pc.sum(pc.less(table["step"], first_step)).as_py() or 0, attempt))
        )
        for table in (before.history, before.objects)
    ]
    history = pa.concat_tables([kept[0], _later(own.history, kept[0])]).unify_dictionaries()
    return Values(history, pa.concat_tables([kept[1], own.objects]))


def _later(own: pa.Table, before: pa.Table) -> pa.Table:
    """Its values, with the time counted from the very start where a client began to count anew."""
    spent, first = pc.max(before["wall_time"]).as_py(), pc.min(own["wall_time"]).as_py()
    if spent is None or first is None or first >= spent:
        return own
    place = own.schema.get_field_index("wall_time")
    return own.set_column(place, own.field(place), pc.add(own["wall_time"], spent))


def _wall_time(history: pa.Table, started: float | None) -> pa.ChunkedArray:
    wall_time = history["runtime"]
    if started is not None:
        wall_time = pc.coalesce(wall_time, pc.subtract(history["timestamp"], started))
    return pc.if_else(pc.is_finite(wall_time), wall_time, pa.scalar(None, pa.float64()))


def _tokens_seen(history: pa.Table, name: pa.DictionaryArray) -> pa.Array:
    """At every value of a step at which a well-known key says it."""
    known = set(name.dictionary.to_pylist())
    counted = next((key for key in _TOKEN_COUNTS if key in known), None)
    if counted is None:
        return pa.nulls(len(history), pa.int64())
    step = history["step"].to_numpy()
    place = name.dictionary.index(counted).as_py()
    rows = (name.indices.to_numpy(zero_copy_only=False) == place) & history["number"].is_valid().to_numpy()
    counts = history["number"].filter(pa.array(rows)).to_numpy()
    whole = (counts >= 0) & (counts < _INT64_END) & (counts == np.floor(counts))
    at, counts = step[rows][whole], counts[whole].astype(np.int64)
    found = np.searchsorted(at, step).clip(max=max(len(at) - 1, 0))
    if not len(at):
        return pa.nulls(len(history), pa.int64())
    return pa.array(counts[found], mask=at[found] != step)


def _objects(
    history: pa.Table, name: pa.DictionaryArray, media: Iterable[MediaValue], attempt: int, names: Mapping[str, str]
) -> pa.Table:
    """What is no number, and integers that a double cannot hold, in the order of steps and names."""
    text = pc.coalesce(history["json"], pc.cast(history["integer"], pa.string()))
    said = text.is_valid()
    plain = pa.table(
        {
            "step": history["step"].filter(said),
            "name": name.filter(said.combine_chunks()).cast(pa.string()),
            "json": canonical_texts(text.filter(said).combine_chunks()),
        }
    )
    values = list(media)
    folded = pa.table(
        {
            "step": pa.array([value.step for value in values], pa.int64()),
            "name": pa.array([names.get(value.name, value.name) for value in values], pa.string()),
            "json": pa.array([value.text for value in values], pa.string()),
        }
    )
    both = pa.concat_tables([plain, folded]).sort_by([("step", "ascending"), ("name", "ascending")])
    return both.add_column(0, "attempt", pa.array(np.full(len(both), attempt, dtype=np.int64))).cast(OBJECTS_SCHEMA)
