"""Where a configuration says what: keys found whatever the section they stand in and however they are joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analysis.importers.config_rules.rules import SECTIONS

_DEEPEST: Final = 12
"""Levels in which settings are looked for; our choice, twice of what was seen."""
_MOST_SECTIONS: Final = 3


class Found(NamedTuple):
    """One entry of a configuration: its key path as logged, joined by dots, and its value."""

    path: str
    value: object


def normal_key(key: str) -> str:
    """A key as the rules write it: `Train/Learning-Rate` is `train.learning_rate`."""
    return key.lower().replace("/", ".").replace("-", "_")


def entries(config: Mapping[str, object]) -> Iterator[Found]:
    """Every entry of a nested configuration, inner mappings included, in its order; lists are values.

    Without recursion: how deep a logged configuration nests is not ours to choose.
    """
    todo = [(1, Found(str(key), value)) for key, value in reversed(list(config.items()))]
    while todo:
        depth, entry = todo.pop()
        yield entry
        if isinstance(entry.value, Mapping) and depth < _DEEPEST:
            inner = reversed(list(entry.value.items()))
            todo += [(depth + 1, Found(f"{entry.path}.{key}", value)) for key, value in inner]


class KeyIndex:
    """Looks entries up by the names that rules give; `optimizer.lr` also finds `trainer.optimizer.lr`."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self._by_name: dict[str, list[tuple[int, Found]]] = defaultdict(list)
        for entry in entries(config):
            for n_sections, name in enumerate(_names(entry.path)):
                self._by_name[name].append((n_sections, entry))

    def find(self, names: Iterable[str]) -> list[Found]:
        """The entries that have one of the names: in the order of the names, then those in fewest sections first."""
        return [
            entry
            for name in names
            for _, entry in sorted(self._by_name.get(normal_key(name), ()), key=lambda found: found[0])
        ]

    def has(self, names: Sequence[str]) -> bool:
        """Whether there is such an entry, whatever its value."""
        return bool(self.find(names))


def _names(path: str) -> Iterator[str]:
    """The path, then the path without its first section, and so on."""
    name = normal_key(path)
    yield name
    for _ in range(_MOST_SECTIONS):
        first, _, name = name.partition(".")
        if not name or first not in SECTIONS:
            return
        yield name
