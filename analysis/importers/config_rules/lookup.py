"""One rule applied to one configuration: the value, where it stands, and what else was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from analysis.importers.config_rules.key_index import Found, KeyIndex
from analysis.importers.config_rules.readers import NotStatedError, read_value
from analysis.importers.config_rules.rules import Rule
from analysis.importers.table.cells import CellError, shown
from analysis.store.checks import WrongValueError, converted
from analysis.store.schema import RUNS

_COLUMNS: Final = {column.name: column for column in RUNS}


@dataclass(frozen=True, slots=True)
class Stated:
    """What a configuration says for a column: the value and the key path, or the expression, that gave it."""

    value: object
    where: str


@dataclass(slots=True)
class Lookup:
    """Applies rules, and collects the sentences about what was decided.

    Attributes:
        index: The configuration.
        own_keys: Keys that the user's map names, by column: asked before a rule's own.
        notes: What disagreed or was left out.
        has_one_gpu: Whether the run is known to have been on one machine with a single GPU.
    """

    index: KeyIndex
    own_keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    has_one_gpu: bool = False

    def stated(self, rule: Rule) -> Stated | None:
        """What the first usable key of a rule says, or None; others that say another thing are noted."""
        keys = (*self.own_keys.get(rule.column, ()), *rule.keys)
        usable, unusable = self._read_all(rule, self.index.find(keys))
        if not usable:
            self.notes += unusable
            return None
        taken = usable[0]
        for other in usable[1:]:
            if other.value != taken.value:
                said = f"{shown(other.value)} ({other.where}) disagrees"
                self.notes.append(f"{rule.column}: {shown(taken.value)} ({taken.where}) is taken; {said}")
        return taken

    def quietly(self, rule: Rule) -> Stated | None:
        """The same without a word about what was found otherwise."""
        usable, _ = self._read_all(rule, self.index.find(rule.keys))
        return usable[0] if usable else None

    def equals(self, choices: Iterable[tuple[str, object]]) -> Found | None:
        """The first entry that has the value it is listed with; words compare without their class and capitals."""
        for key, wanted in choices:
            for found in self.index.find([key]):
                if _word(found.value) == wanted:
                    return found
        return None

    def _read_all(self, rule: Rule, entries: Sequence[Found]) -> tuple[list[Stated], list[str]]:
        usable: list[Stated] = []
        unusable: list[str] = []
        for entry in dict.fromkeys(map(_Entry, entries)):
            try:
                value = checked(rule, read_value(rule.reads, entry.found.value))
            except NotStatedError:
                continue
            except (CellError, WrongValueError) as problem:
                unusable.append(
                    f"{rule.column}: {shown(entry.found.value)} ({entry.found.path}) is not taken: it {problem}"
                )
                continue
            if value is not None:
                usable.append(Stated(value, entry.found.path))
        return usable, unusable


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry that counts once, however many names find it; its value may have no hash."""

    found: Found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Entry) and self.found.path == other.found.path

    def __hash__(self) -> int:
        return hash(self.found.path)


def checked(rule: Rule, value: object) -> object:
    """The value as its column stores it; None where it is below the least that means something.

    Raises:
        WrongValueError: the column cannot hold it.
    """
    if isinstance(value, int | float) and rule.least is not None and value < rule.least:
        return None
    column = _COLUMNS.get(rule.column)
    return value if column is None else converted(replace(column, required=False), value)


def _word(value: object) -> object:
    return value.rsplit(".", 1)[-1].lower() if isinstance(value, str) else value
