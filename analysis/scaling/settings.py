"""Which curves belong to one setting, and what was held fixed while the batch size changed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.runs.configuration import DERIVED, GROUP_KEYS, OWN_AXES, Group, GroupValue
from analysis.runs.groups import group_label, split_curves
from analysis.scaling.axis import Axis
from analysis.scaling.types import Held

Columns = Mapping[str, Sequence[GroupValue]]

# A law across these would confuse them with the axis, even where each of its values has only one of them.
_IDENTITY: Final = ("model", "dataset", "objective", "adapter", "tokenizer_id", "eval_set_id")
# What differs between models by nature.
_OF_THE_MODEL: Final = ("model", "tokenizer_id", "eval_set_id")
BUDGET: Final = ("token_budget", "max_steps", "epochs")
# Budgets that are equal up to the rounding of whole steps (our choice).
_SAME_BUDGET: Final = 1.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where one curve stands: its group, its place on the axis and its budget."""

    group: Group
    x: float
    budget: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """Curves that differ only along the axis.

    Attributes:
        group: What tells the setting from others.
        members: Positions of its curves.
        held: What was held fixed, None where nothing says it or nothing was.
        remark: A sentence where the budget had to be guessed.
    """

    group: Group
    members: tuple[int, ...]
    held: Held | None
    remark: str | None = None

    @property
    def label(self) -> str:
        """The setting as text."""
        return group_label(self.group)


def default_setting_keys(columns: Columns, rows: Sequence[int], axis: Axis) -> list[str]:
    """Returns what makes a setting by default: everything that varies at one place of the axis, and what runs are for.

    At one value of the axis whatever follows from it (steps under fixed tokens, warm-up) has one value as well, so that
    it makes no setting of its own. Hyperparameters come first, then budgets; what follows from those is no key either.
    """
    first = {key for key in (*GROUP_KEYS, *OWN_AXES, *DERIVED) if key not in (*BUDGET, "warmup_steps")}
    known = {key: values if key in first else [None] * len(values) for key, values in columns.items()}
    keys = _varying(known, rows, [axis.group_key])
    keys += [key for key in _varying(columns, rows, [axis.group_key, *keys, *BUDGET]) if key not in keys]
    expected = _OF_THE_MODEL if axis.group_key == "model" else ()
    about = [key for key in _IDENTITY if key not in expected and len({columns[key][row] for row in rows}) > 1]
    return [key for key in dict.fromkeys([*about, *keys]) if key not in (axis.group_key, axis.name, *expected)]


def _varying(columns: Columns, rows: Sequence[int], fixed: Sequence[str]) -> list[str]:
    """Returns the keys that tell curves apart among rows that agree in some keys."""
    parts: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        parts[tuple(columns[key][row] for key in fixed)].append(row)
    groups = [group for part in parts.values() for group in split_curves(columns, part, None)]
    return list(dict.fromkeys(key for group in groups for key in group.group))


def split_settings(places: Sequence[Place], axis: Axis, *, by_budget: bool) -> list[Setting]:
    """Returns the settings of curves, in the order of their first curve.

    Args:
        places: Where each curve stands.
        axis: The axis, which is no part of a setting.
        by_budget: Whether to find out what was held fixed along the axis, instead of taking the budget for a key like
            any other.
    """
    dropped = {axis.group_key, axis.name, *(BUDGET if by_budget else ())}
    if axis.group_key == "model":
        dropped |= {*_OF_THE_MODEL}
    parts: dict[tuple[tuple[str, GroupValue], ...], list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        parts[tuple((key, value) for key, value in place.group.items() if key not in dropped)].append(index)
    settings: list[Setting] = []
    for key, members in parts.items():
        group = dict(key)
        settings += _split_by_budget(places, group, members) if by_budget else [Setting(group, tuple(members), None)]
    return settings


def _split_by_budget(places: Sequence[Place], group: Group, members: Sequence[int]) -> list[Setting]:
    """Returns one setting where one budget is constant along the axis, else one per value of the likeliest."""
    kinds: list[tuple[str, Held, Callable[[Place], float | None]]] = [
        ("token_budget", "tokens", lambda place: place.budget["token_budget"]),
        ("max_steps", "steps", lambda place: place.budget["max_steps"]),
        ("max_steps x batch", "tokens", _sequences),
        ("epochs", "epochs", lambda place: place.budget["epochs"]),
    ]
    known = []
    for name, held, read in kinds:
        values = {index: value for index in members if (value := read(places[index])) is not None}
        if len(values) == len(members):
            known.append((name, held, _cluster(values)))
    if not known or len({places[index].x for index in members}) == 1:
        return [Setting(group, tuple(members), None)]
    constant = [(held, parts) for _, held, parts in known if len(parts) == 1]
    if constant:
        return [Setting(group, tuple(members), constant[0][0])]
    scores = [sum(len(part) for part in parts.values() if _n_places(places, part) > 1) for _, _, parts in known]
    best = max(range(len(known)), key=lambda at: scores[at])
    name, held, parts = known[best]
    groupings = [sorted(parts.values()) for _, _, parts in known]
    others = [
        known[at][1] for at in range(len(known)) if scores[at] == scores[best] > 0 and groupings[at] != groupings[best]
    ]
    remark = (
        f"Both {held} and {others[0]} can be held fixed in these runs; the settings hold {held} fixed."
        if others
        else None
    )
    return [
        Setting({**group, name: _round(value)}, tuple(part), held if _n_places(places, part) > 1 else None, remark)
        for value, part in parts.items()
    ]


def _sequences(place: Place) -> float | None:
    steps = place.budget["max_steps"]
    return None if steps is None else steps * place.x


def _n_places(places: Sequence[Place], members: Iterable[int]) -> int:
    return len({places[index].x for index in members})


def _cluster(values: Mapping[int, float]) -> dict[float, list[int]]:
    """Returns geometric mean -> members of values that agree up to the rounding of steps."""
    clusters: list[list[int]] = []
    for index in sorted(values, key=lambda at: (values[at], at)):
        if clusters and values[index] <= values[clusters[-1][0]] * _SAME_BUDGET:
            clusters[-1].append(index)
        else:
            clusters.append([index])
    return {math.exp(sum(math.log(values[i]) for i in part) / len(part)): sorted(part) for part in clusters}


def _round(value: float) -> float:
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded == int(rounded) else rounded
