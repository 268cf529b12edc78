"""Histograms, tables and media: the client logs each as several nested keys, here they are one value again.

Such a value is an object with the text `_type`, as on W&B's own pages. Unfolded, the number of columns of a table would
pass for a metric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.wandb.canonical import canonical_text
from analysis.importers.wandb_log import path_keys, path_text
from analysis.importers.wandb_log.json_text import parse_json

_TYPE: Final = "_type"


class MediaValue(NamedTuple):
    """One logged value with a `_type`; `text` is its JSON."""

    step: int
    name: str
    text: str


class _Cells(NamedTuple):
    """The cells of a log's history that belong to values with a `_type`."""

    owner_of_name: np.ndarray
    is_type: np.ndarray
    owners: list[str]


def fold_media(history: pa.Table) -> tuple[pa.Table, list[MediaValue]]:
    """A log's history without the parts of such values, and the values, by step and name.

    Args:
        history: As `analysis.importers.wandb_log.HISTORY_SCHEMA`.
    """
    key = history["key"].combine_chunks()
    cells = _owned(key.dictionary.to_pylist())
    if not cells.owners:
        return history, []
    index = key.indices.to_numpy(zero_copy_only=False)
    owner, step = cells.owner_of_name[index], history["step"].to_numpy()
    is_text = pc.starts_with(history["json"], '"').fill_null(False).to_numpy()
    typed = set(zip(*(array[cells.is_type[index] & is_text].tolist() for array in (step, owner)), strict=True))
    candidates = np.flatnonzero(owner >= 0)
    pairs = zip(step[candidates].tolist(), owner[candidates].tolist(), strict=True)
    folded = candidates[np.fromiter((pair in typed for pair in pairs), dtype=bool, count=len(candidates))]
    kept = np.ones(len(index), dtype=bool)
    kept[folded] = False
    return history.filter(pa.array(kept)), _values(history.take(pa.array(folded)), owner[folded], cells.owners)


def _owned(names: Sequence[str]) -> _Cells:
    """For each name the outermost value with a `_type` that it is a part of, -1 where there is none."""
    known, owners = set(names), dict[str, int]()
    owner_of_name = np.full(len(names), -1, dtype=np.int64)
    is_type = np.zeros(len(names), dtype=bool)
    for place, name in enumerate(names):
        keys = path_keys(name)
        above = (length for length in range(1, len(keys)) if path_text((*keys[:length], _TYPE)) in known)
        if (length := next(above, 0)) > 0:
            owner_of_name[place] = owners.setdefault(path_text(keys[:length]), len(owners))
            is_type[place] = keys[length:] == (_TYPE,)
    return _Cells(owner_of_name, is_type, list(owners))


def _values(cells: pa.Table, owner: np.ndarray, owners: Sequence[str]) -> list[MediaValue]:
    trees: dict[tuple[int, str], dict[str, object]] = defaultdict(dict)
    for cell, place in zip(cells.to_pylist(), owner.tolist(), strict=True):
        keys = path_keys(cell["key"])[len(path_keys(owners[place])) :]
        _put(trees[cell["step"], owners[place]], keys, _value(cell))
    return [
        MediaValue(step, name, canonical_text(tree, keeps_null=False)) for (step, name), tree in sorted(trees.items())
    ]


def _put(tree: dict[str, object], keys: Sequence[str], value: object) -> None:
    for key in keys[:-1]:
        child = tree.get(key)
        if not isinstance(child, dict):
            child = tree[key] = {}
        tree = child
    tree[keys[-1]] = value


def _value(cell: dict[str, object]) -> object:
    text = cell["json"]
    if not isinstance(text, str):
        return cell["number"] if cell["integer"] is None else cell["integer"]
    try:
        return parse_json(text)
    except ValueError:
        return text
