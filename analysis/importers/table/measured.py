"""Which of the kept columns are measurements: kept with the run, but no part of what makes two runs replicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Final

from analysis.importers.table.row_reader import RowContent
from analysis.importers.table.table_map import CONFIGURATION_FIELDS, TableMap
from analysis.importers.table.words import sounds_measured

_MANY_TIMES: Final = 2
"""A setting takes the same few values in every group of runs, a measurement takes new ones. Our choice: a column with
at least twice as many values in all as in any one group is measured."""

_RARE: Final = 0.05
"""Share of rows that must have a twin before that says anything: learning rates drawn at random sometimes coincide."""


def find_measured(
    rows: Sequence[RowContent], table_map: TableMap, numeric: Set[str], known: Iterable[str]
) -> frozenset[str]:
    """Returns the kept columns that are measurements.

    Those are: what the map says, what earlier imports found (`known`), columns of numbers whose header sounds like a
    measurement, columns that differ between the rows of one run, and columns of numbers that differ between rows which
    agree in everything else without coming back in other such groups. What the map lists under `config` is never one.

    Args:
        rows: All rows that could be read.
        table_map: The map.
        numeric: The kept columns that hold numbers.
        known: What was measured when this source was imported before.
    """
    never = {*table_map.config} - {*table_map.measured}
    measured = {*table_map.measured, *known, *filter(sounds_measured, numeric)} - never
    if table_map.is_long and table_map.run_id_columns:
        return frozenset(measured | (_varying_in_runs(rows, measured) - never))
    candidates = sorted(numeric - measured - never)
    if candidates:
        measured |= _found_measured(rows, candidates, measured, table_map.is_long)
    return frozenset(measured)


def _varying_in_runs(rows: Sequence[RowContent], measured: Set[str]) -> set[str]:
    """Columns with more than one value inside a run that is named by its id."""
    first: dict[str | None, dict[str, object]] = {}
    varying: set[str] = set()
    for row in rows:
        before = first.setdefault(row.run, dict(row.kept))
        for header, value in row.kept.items():
            if before.setdefault(header, value) != value:
                varying.add(header)
    return varying - measured


def _found_measured(
    rows: Sequence[RowContent], candidates: Sequence[str], measured: Set[str], is_long: bool
) -> set[str]:
    groups: dict[Hashable, list[RowContent]] = defaultdict(list)
    skipped = {*candidates, *measured}
    for row in rows:
        groups[_settings(row, skipped)].append(row)
    several = [group for group in groups.values() if len(group) > 1]
    if is_long and all(_is_one_curve(group) for group in several):
        return {header for header in candidates if any(len(_values(group, header)) > 1 for group in several)}
    if _is_rare(several, len(rows)):
        return set()
    return {header for header in candidates if _never_comes_back(rows, several, header)}


def _settings(row: RowContent, skipped: Set[str]) -> Hashable:
    """What a row is configured with, as far as it is certain; the seed counts like any setting."""
    typed = tuple(_hashable(row.fields.get(name)) for name in CONFIGURATION_FIELDS)
    kept = tuple((key, _hashable(value)) for key, value in sorted(row.kept.items()) if key not in skipped)
    return (typed, kept)


def _hashable(value: object) -> Hashable:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _is_one_curve(group: Sequence[RowContent]) -> bool:
    """Whether no value of a group was logged twice for one step, so that its rows can be one run."""
    places = [(row.fields.get("seed"), row.step, metric, at) for row in group for metric, at in row.values]
    return len(places) == len(set(places))


def _is_rare(groups: Sequence[Sequence[RowContent]], n_rows: int) -> bool:
    return sum(map(len, groups)) < _RARE * n_rows


def _never_comes_back(rows: Sequence[RowContent], several: Sequence[Sequence[RowContent]], header: str) -> bool:
    most = max((len(_values(group, header)) for group in several), default=0)
    return most > 1 and len(_values(rows, header)) >= _MANY_TIMES * most


def _values(rows: Sequence[RowContent], header: str) -> set[Hashable]:
    return {_hashable(row.kept[header]) for row in rows if header in row.kept}


def without(config: Mapping[str, object], names: Set[str]) -> dict[str, object]:
    """A configuration without some of its keys."""
    return {key: value for key, value in config.items() if key not in names}
