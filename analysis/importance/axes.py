"""Which hyperparameters vary, which merely follow from another, and the axis that each one is measured on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.errors import FilterError
from analysis.runs.configuration import GroupValue
from analysis.runs.groups import sort_key
from analysis.runs.parameters import find_parameters, is_number
from analysis.runs.trials import varying_keys

Columns = Mapping[str, Sequence[GroupValue]]
Floats = NDArray[np.float64]

# Numbers with at most this many values, each shared by two trials or more, are a grid's levels (our choice).
_MOST_LEVELS: Final = 32
_DECADE: Final = 10.0
# From this many on, two columns that rise together in every trial are no coincidence (2 in 120 orders of five).
_FEWEST_MONOTONE: Final = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """One hyperparameter over the trials.

    Attributes:
        key: Its name.
        kind: `levels` (a grid's numbers, in their order), `names` (texts and truths), `log` or `linear` (any number).
        tied: Keys that follow from it.
        values: As configured, one per trial.
        codes: Positions on the axis, one per trial: the index of the level, ln(value) or the value.
        low: Lower end of the axis; half a step below the first level, so that each level has the same weight.
        high: Upper end.
    """

    key: str
    kind: Literal["levels", "names", "log", "linear"]
    tied: tuple[str, ...]
    values: tuple[GroupValue, ...]
    codes: Floats
    low: float
    high: float

    @property
    def n_values(self) -> int:
        """How many different values were tried."""
        return len(set(self.values))


@dataclass(frozen=True, slots=True)
class ChosenAxes:
    """The axes, and the keys that vary but were left out, with the reason."""

    axes: tuple[Axis, ...]
    left_out: Mapping[str, str]


def choose_axes(columns: Columns, trials: Sequence[Sequence[int]], keys: Sequence[str] | None = None) -> ChosenAxes:
    """Returns one axis per hyperparameter that varies between trials.

    What was measured or names the run is no hyperparameter; keys that follow from an earlier one are folded into it.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        trials: Rows of each trial.
        keys: The keys to look at; None takes all that vary.

    Raises:
        FilterError: `keys` names a key that these runs do not have.
    """
    if keys is not None and (unknown := sorted(set(keys) - set(columns))):
        known = ", ".join(sorted(columns))
        raise FilterError(f"There is no configuration key '{unknown[0]}'; these runs have: {known}.")
    firsts = [rows[0] for rows in trials]
    found = find_parameters(columns, trials)
    chosen = found.keys if keys is None else [key for key in varying_keys(columns, trials) if key in keys]
    values = {key: tuple(columns[key][row] for row in firsts) for key in chosen}
    gaps = {key: "it is missing in some trials" for key in chosen if _has_gaps(values[key])}
    left_out = gaps if keys is not None else {**found.left_out, **gaps}
    owners = _fold([key for key in chosen if key not in left_out], values)
    return ChosenAxes(tuple(make_axis(key, values[key], tuple(tied)) for key, tied in owners.items()), left_out)


def make_axis(key: str, values: Sequence[GroupValue], tied: tuple[str, ...] = ()) -> Axis:
    """Returns the axis of a key: levels where values repeat, a log axis for positive numbers over a decade or more."""
    levels = sorted(set(values), key=sort_key)
    numbers = [value for value in values if is_number(value)]
    is_numeric = len(numbers) == len(values)
    if not is_numeric or (len(levels) <= _MOST_LEVELS and 2 * len(levels) <= len(values)):
        index = {value: float(position) for position, value in enumerate(levels)}
        codes = np.array([index[value] for value in values])
        kind: Literal["levels", "names"] = "levels" if is_numeric else "names"
        return Axis(key, kind, tied, tuple(values), codes, -0.5, len(levels) - 0.5)
    plain = np.array([float(value) for value in numbers if value is not None])
    is_log = bool(plain.min() > 0 and plain.max() / plain.min() >= _DECADE)
    codes = np.log(plain) if is_log else plain
    return Axis(key, "log" if is_log else "linear", tied, tuple(values), codes, float(codes.min()), float(codes.max()))


def _has_gaps(values: Sequence[GroupValue]) -> bool:
    """Whether numbers that are no grid's levels are missing somewhere: there is no place on the axis for those."""
    numbers = {value for value in values if is_number(value)}
    return None in values and len(numbers) > min(_MOST_LEVELS, len(values) / 2)


def _fold(keys: Sequence[str], values: Mapping[str, tuple[GroupValue, ...]]) -> dict[str, list[str]]:
    """Returns the keys that stand for themselves, each with those that follow from it."""
    owners: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: -len(set(values[key])) if key != "learning_rate" else -math.inf):
        owner = next((owner for owner in owners if _follows(values[owner], values[key])), None)
        if owner is None:
            owners[key] = []
        else:
            owners[owner].append(key)
    return {key: owners[key] for key in keys if key in owners}


def _follows(causes: Sequence[GroupValue], values: Sequence[GroupValue]) -> bool:
    """Whether a value is known once the cause is: the cause is shared by trials, or both rise or fall together."""
    n_causes = len(set(causes))
    if len(set(zip(causes, values, strict=True))) > n_causes:
        return False
    return 2 * n_causes <= len(causes) or _are_monotone(causes, values)


def _are_monotone(causes: Sequence[GroupValue], values: Sequence[GroupValue]) -> bool:
    n_causes = len(set(causes))
    if n_causes != len(set(values)) or n_causes < _FEWEST_MONOTONE:
        return False
    pairs = sorted(set(zip(causes, values, strict=True)), key=lambda pair: sort_key(pair[0]))
    keys = [sort_key(value) for _, value in pairs]
    return keys == sorted(keys) or keys == sorted(keys, reverse=True)
