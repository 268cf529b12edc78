"""A nested document that records change path by path: the config and the summary of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates, same_in_doubles

Node = dict[str, "str | Node"]
"""Leaves stay JSON text until the document is asked for: most summary values are replaced before anybody reads them."""


class Item(Protocol):
    """One value of a `ConfigItem` or `SummaryItem`: at `nested_key`, or at `key` where that is empty."""

    key: str
    nested_key: Sequence[str]
    value_json: str


class JsonTree:
    """Holds the values so far.

    Attributes:
        n_replaced: Half characters that `to_dict` replaced.
    """

    def __init__(self) -> None:
        self.n_replaced = 0
        self._root: Node = {}

    def update(self, items: Iterable[Item]) -> None:
        """Sets each item's value in order; a value at a path replaces all that was below it."""
        root = self._root
        for item in items:
            path = item.nested_key
            depth = len(path)
            if depth == 1:
                root[path[0]] = item.value_json
            elif depth:
                self._parent(path)[path[-1]] = item.value_json
            else:
                root[item.key] = item.value_json

    def update_from_copy(self, items: Iterable[Item]) -> None:
        """Takes a later copy of the whole document, but keeps a value that differs only by the copy's own rounding.

        wandb-core repeats the config in each later `run` record, with integers from 2**63 on as doubles and half
        characters replaced; what the client wrote first is exact.
        """
        self.update(item for item in items if not self._is_rounding(item))

    def remove(self, items: Iterable[Item]) -> None:
        """Removes each item's path where it is there."""
        for item in items:
            path = item.nested_key or (item.key,)
            self._parent(path).pop(path[-1], None)

    def to_dict(self) -> dict[str, object]:
        """The document with its values read; what is no JSON stays text, an empty text is None."""
        return self._read(self._root)

    def _is_rounding(self, item: Item) -> bool:
        path = item.nested_key or (item.key,)
        known = self._root.get(path[0]) if len(path) == 1 else None
        return isinstance(known, str) and same_in_doubles(known, item.value_json)

    def _parent(self, path: Sequence[str]) -> Node:
        """The node above the last key; a value on the way that is no object is replaced by one."""
        node = self._root
        for key in path[:-1]:
            child = node.get(key)
            if not isinstance(child, dict):
                child = node[key] = self._opened(child)
            node = child
        return node

    def _opened(self, text: str | None) -> Node:
        value = None if text is None else self._value(text)
        return {key: json.dumps(part) for key, part in value.items()} if isinstance(value, dict) else {}

    def _read(self, node: Node) -> dict[str, object]:
        return {key: self._read(part) if isinstance(part, dict) else self._value(part) for key, part in node.items()}

    def _value(self, text: str) -> object:
        cleaned, n_replaced = replace_lone_surrogates(text)
        self.n_replaced += n_replaced
        if not cleaned:
            return None
        try:
            return parse_json(cleaned)
        except ValueError:
            return cleaned
