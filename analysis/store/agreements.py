"""What counts as what in one store: the rules for metric names, and what the user has agreed to.

Agreements chain: where `a` counts as `b` and `b` as `c`, `a` counts as `c`. An agreement about one source goes before
one about all. Names or values that lead back to themselves (two people may agree to opposite things at once) stay as
they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis.store.name_rules import NAME_RULES
from analysis.store.schema import Direction

METRIC: Final = "metric"
"""What an agreement about a metric's name is about; the others name a column of runs."""
AGREEABLE: Final = (
    "project",
    "model",
    "tokenizer_id",
    "dataset",
    "eval_set_id",
    "objective",
    "adapter",
    "token_budget",
    "max_steps",
    "epochs",
)
"""Columns of runs whose values can be agreed on: those that decide what compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One thing that counts as another; the fields are those of the table `agreements`.

    Attributes:
        what: `metric`, or one of `AGREEABLE`.
        value: The name or value as stored; None means: where nothing is stored.
        source: Only for runs of this source; None means all.
        counts_as: The name or value that it counts as.
        because, author: Why, and who says so, where that was given.
        active: False once it was taken back.
        is_rule: Whether it is one of the built-in rules.
        goes_first: As in `NameRule`.
    """

    what: str
    value: str | None
    counts_as: str
    source: str | None = None
    because: str | None = None
    author: str | None = None
    active: bool = True
    is_rule: bool = False
    goes_first: bool = False

    @property
    def agreement_id(self) -> str:
        """Follows from what is agreed on, so that two people who say the same write the same agreement."""
        text = json.dumps([self.what, self.value, self.source], ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_row(self) -> dict[str, object]:
        """Row of the table `agreements`."""
        names = ("agreement_id", "what", "value", "source", "counts_as", "because", "author", "active")
        return {name: getattr(self, name) for name in names}


RULES: Final[tuple[Agreement, ...]] = tuple(
    Agreement(
        what=METRIC,
        value=rule.logged,
        counts_as=rule.counts_as,
        source=source,
        is_rule=True,
        goes_first=rule.goes_first,
    )
    for rule in NAME_RULES
    for source in rule.sources or (None,)
)
"""The built-in rules as agreements: taking one back is an inactive agreement with its id."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name under which a metric may have been logged; of those that a run logged, the lowest rank counts."""

    metric: str
    name: str
    rank: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """The names under which metrics may have been logged: those for most sources, and those for some named ones."""

    usual: tuple[Candidate, ...]
    by_source: Mapping[str, tuple[Candidate, ...]]


@dataclass(frozen=True)
class Agreements:
    """All that is in force.

    Attributes:
        all: The user's agreements, then the built-in rules, those taken back included.
    """

    all: tuple[Agreement, ...] = RULES
    _in_force: Mapping[str, Mapping[tuple[str | None, str | None], Agreement]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        in_force: dict[str, dict[tuple[str | None, str | None], Agreement]] = {}
        for each in self.all:
            if each.active:
                in_force.setdefault(each.what, {}).setdefault((each.value, each.source), each)
        object.__setattr__(self, "_in_force", in_force)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> Agreements:
        """Of the newest row of each agreement, oldest agreement first."""
        said = {agreement.agreement_id: agreement for agreement in map(_from_row, rows)}
        if not said:
            return WITHOUT_ANY
        repeated = {rule.agreement_id for rule in RULES if _says_the_same(said.get(rule.agreement_id), rule)}
        rules = [rule for rule in RULES if rule.agreement_id in repeated or rule.agreement_id not in said]
        return cls((*(each for each in said.values() if each.agreement_id not in repeated), *rules))

    def about(self, what: str) -> list[Agreement]:
        """The agreements in force about a column or about metric names, in their order."""
        return list(self._in_force.get(what, {}).values())

    def resolve(self, what: str, value: str | None, source: str | None) -> str | None:
        """What a value counts as in runs of a source, in the end; the value itself where nothing is agreed."""
        agreed = self._in_force.get(what, {})
        seen: list[str | None] = [value]
        while (step := agreed.get((seen[-1], source)) or agreed.get((seen[-1], None))) is not None:
            if step.counts_as in seen:
                return value
            seen.append(step.counts_as)
        return seen[-1]

    def sources_of(self, what: str) -> list[str]:
        """Sources that some agreement about it names; all others are alike."""
        return sorted({each.source for each in self.about(what) if each.source is not None})

    def changed_values(self, what: str) -> list[tuple[str | None, str | None, str]]:
        """Every (source, value, what it counts as) of a column; source None stands for all sources not named."""
        changes = []
        for source in (*self.sources_of(what), None):
            for value in dict.fromkeys(each.value for each in self.about(what)):
                final = self.resolve(what, value, source)
                if final is not None and final != value:
                    changes.append((source, value, final))
        return changes

    def candidates(self, metrics: Sequence[str] | None = None) -> Candidates:
        """The names under which metrics may have been logged; None takes every metric that something counts as."""
        usual = self._candidates(metrics, None)
        named = {source: self._candidates(metrics, source) for source in self.sources_of(METRIC)}
        return Candidates(usual, {source: found for source, found in named.items() if found != usual})

    def _candidates(self, metrics: Sequence[str] | None, source: str | None) -> tuple[Candidate, ...]:
        about = self.about(METRIC)
        first = {each.value for each in about if each.goes_first and each.source == source}
        targets = {each.value: self.resolve(METRIC, each.value, source) for each in about if each.value is not None}
        found: list[Candidate] = []
        for metric in metrics or dict.fromkeys(target for target in targets.values() if target):
            aliases = [name for name, target in targets.items() if target == metric and name != metric]
            ordered = sorted([metric, *aliases], key=lambda name: name not in first)
            found += [Candidate(metric, name, rank) for rank, name in enumerate(ordered)]
        return tuple(found)

    def aligned_directions(self, declared: Mapping[str, Direction]) -> dict[str, Direction]:
        """The declared directions, and those of the names that the metrics count as."""
        aligned: dict[str, Direction] = {}
        for name, direction in declared.items():
            for source in (None, *self.sources_of(METRIC)):
                aligned[str(self.resolve(METRIC, name, source))] = direction
        return {**aligned, **declared}


WITHOUT_ANY: Final = Agreements()
"""The built-in rules alone."""


def _from_row(row: Mapping[str, object]) -> Agreement:
    value, source, because, author = (
        None if row[name] is None else str(row[name]) for name in ("value", "source", "because", "author")
    )
    return Agreement(
        what=str(row["what"]),
        value=value,
        counts_as=str(row["counts_as"]),
        source=source,
        because=because,
        author=author,
        active=bool(row["active"]),
    )


def _says_the_same(said: Agreement | None, rule: Agreement) -> bool:
    return said is not None and said.active and said.counts_as == rule.counts_as
