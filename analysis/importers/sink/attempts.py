"""Which attempt of a stored run each attempt of its source is, and what the store lacks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.importers.sink.cells import Cells, Integers, Logged, Numbering, Numbers

Mask = npt.NDArray[np.bool_]


class _Attempt(NamedTuple):
    """One attempt: its places (step and name) in order, each once, their values, and where they stand in the run."""

    places: Integers
    values: Numbers
    rows: Integers


@dataclass(frozen=True, slots=True)
class Merge:
    """What has to be appended.

    Attributes:
        rows: Values of the source, by their place in `Cells`, that the store lacks.
        attempts: The attempt of the store that each of them belongs to.
        last: Attempt of the store that the source's last attempt is; None where nothing was logged.
        is_contradicted: Whether the source says something else than the store about something that both have.
    """

    rows: Integers
    attempts: Integers
    last: int | None
    is_contradicted: bool


def merge(source: Logged, stored: Logged) -> Merge:
    """Finds, for the attempts of a source in their order, those of the store that they are.

    An attempt is a stored one when they share something and contradict each other nowhere (NaN equals NaN); of several
    the first after that of the attempt before. Then only what is missing there is added. Else it is a new one. So the
    same source again adds nothing, and what a killed import has left is completed.
    """
    numbering = Numbering()
    cells, known = numbering.cells(source), numbering.cells(stored)
    places, known_places = _places(cells, known, len(numbering.names))
    known_attempts = _by_attempt(known, known_places)
    rows, attempts = [], []
    last, is_contradicted = 0, False
    for attempt in _by_attempt(cells, places).values():
        candidates = {number: there for number, there in known_attempts.items() if number > last}
        found, contradicts = _same_attempt(attempt, candidates)
        last = found if found is not None else max([0, last, *known_attempts]) + 1
        is_contradicted |= contradicts and found is None
        there = known_attempts.get(last)
        new = attempt.rows if there is None else attempt.rows[~_shared(attempt, there)]
        rows.append(np.sort(new))
        attempts.append(np.full(len(new), last, dtype=np.int64))
    nothing = np.empty(0, dtype=np.int64)
    return Merge(np.concatenate([nothing, *rows]), np.concatenate([nothing, *attempts]), last or None, is_contradicted)


def _places(cells: Cells, known: Cells, n_names: int) -> tuple[Integers, Integers]:
    """One number for each pair of step and name."""
    _, ranks = np.unique(np.concatenate([cells.steps, known.steps]), return_inverse=True)
    places = ranks * max(1, n_names) + np.concatenate([cells.names, known.names])
    return places[: len(cells.steps)], places[len(cells.steps) :]


def _by_attempt(cells: Cells, places: Integers) -> dict[int, _Attempt]:
    """The attempts by number; of several values for one place the last one counts."""
    found = {}
    for number in np.unique(cells.attempts).tolist():
        (rows,) = np.nonzero(cells.attempts == number)
        different, first = np.unique(places[rows][::-1], return_index=True)
        kept = rows[::-1][first]
        found[number] = _Attempt(different, cells.values[kept], kept)
    return found


def _same_attempt(attempt: _Attempt, candidates: Mapping[int, _Attempt]) -> tuple[int | None, bool]:
    """The first candidate that this attempt is, and whether it contradicts one before that."""
    contradicts = False
    for number, there in sorted(candidates.items()):
        shared = _shared(attempt, there)
        if not shared.any():
            continue
        old = there.values[np.searchsorted(there.places, attempt.places[shared])]
        new = attempt.values[shared]
        if bool(((old == new) | (np.isnan(old) & np.isnan(new))).all()):
            return number, contradicts
        contradicts = True
    return None, contradicts


def _shared(attempt: _Attempt, there: _Attempt) -> Mask:
    """Which places of an attempt another one has too."""
    at = np.searchsorted(there.places, attempt.places)
    at[at == len(there.places)] = 0
    shared: Mask = there.places[at] == attempt.places
    return shared
