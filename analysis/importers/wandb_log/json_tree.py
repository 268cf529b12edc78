"""A nested document that records change path by path: the config and the summary of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from analysis.importers.wandb_log.json_text import parse_json, replace_lone_surrogates, same_in_doubles
from analysis.importers.wandb_log.messages import VALUE_TAG, KeyPath, parse_item, path_of, path_of_prefix

Node = dict[str, "str | bytes | Node"]
"""Leaves stay JSON text until the document is asked for: most summary values are replaced before anybody reads them.
Bytes are such a text behind its length, one byte."""


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
        self._by_prefix: dict[bytes, KeyPath] = {}

    def update(self, items: Iterable[Item]) -> None:
        """Sets each item's value in order; a value at a path replaces all that was below it."""
        for item in items:
            path = path_of(item)
            self._parent(path)[path[-1]] = item.value_json

    def update_lean(self, items: Iterable[bytes]) -> None:
        """`update` with items as bytes; a lean `Summary` has them.

        Raises:
            google.protobuf.message.DecodeError: an item is none.
        """
        root, by_prefix = self._root, self._by_prefix
        for item in items:
            prefix, _, value = item.partition(VALUE_TAG)
            path = by_prefix.get(prefix)
            # The value's length, one byte where it is below 128, must say that nothing follows the value.
            if path is None or not value or len(value) != value[0] + 1:
                self._update_slowly(item, prefix)
            elif len(path) == 1:
                root[path[0]] = value
            else:
                self._parent(path)[path[-1]] = value

    def _update_slowly(self, item: bytes, prefix: bytes) -> None:
        """Takes an item whose key is new or whose value is long."""
        message = parse_item()(item)
        self.update([message])
        path = path_of_prefix(prefix)
        if path == path_of(message):
            self._by_prefix[prefix] = path

    def update_from_copy(self, items: Iterable[Item]) -> None:
        """Takes a later copy of the whole document, but keeps a value that differs only by the copy's own rounding.

        wandb-core repeats the config in each later `run` record, with integers from 2**63 on as doubles and half
        characters replaced; what the client wrote first is exact.
        """
        self.update(item for item in items if not self._is_rounding(item))

    def remove(self, items: Iterable[Item]) -> None:
        """Removes each item's path where it is there."""
        for item in items:
            path = path_of(item)
            self._parent(path).pop(path[-1], None)

    def to_dict(self) -> dict[str, object]:
        """The document with its values read; what is no JSON stays text, an empty text is None."""
        return self._read(self._root)

    def _is_rounding(self, item: Item) -> bool:
        path = path_of(item)
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

    def _opened(self, text: str | bytes | None) -> Node:
        value = None if text is None else self._value(text)
        return {key: json.dumps(part) for key, part in value.items()} if isinstance(value, dict) else {}

    def _read(self, node: Node) -> dict[str, object]:
        return {key: self._read(part) if isinstance(part, dict) else self._value(part) for key, part in node.items()}

    def _value(self, leaf: str | bytes) -> object:
        text = leaf[1:].decode(errors="replace") if isinstance(leaf, bytes) else leaf
        cleaned, n_replaced = replace_lone_surrogates(text)
        self.n_replaced += n_replaced
        if not cleaned:
            return None
        try:
            return parse_json(cleaned)
        except ValueError:
            return cleaned
