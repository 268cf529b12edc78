"""Agreements as SQL: the values that columns of runs count as, and the names under which metrics are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.store.agreements import AGREEABLE, Agreements, Candidate, Candidates
from analysis.store.checks import converted
from analysis.store.duck import Parameter
from analysis.store.schema import RUNS, ColumnType
from analysis.store.where import Where

_NUMBERS: Final[Mapping[ColumnType, type[int] | type[float]]] = {"int64": int, "float64": float}


@dataclass(frozen=True, slots=True)
class AgreedColumns:
    """SQL for the columns of runs that something is agreed about.

    Attributes:
        replaced: What follows the first column of a REPLACE list.
        changed: Text with the names of the columns in which a row was changed, or null.
        parameters: What both need.
    """

    replaced: str
    changed: str
    parameters: Mapping[str, Parameter]


def agreed_columns(agreements: Agreements) -> AgreedColumns:
    """Every column of runs in which some value counts as another."""
    where = Where()
    replaced, changed = "", []
    for name in AGREEABLE:
        if cases := list(_cases(where, name, agreements)):
            becomes = " ".join(f"WHEN {condition} THEN {value}" for condition, value in cases)
            replaced += f', CASE {becomes} ELSE "{name}" END AS "{name}"'
            changed.append(f"CASE WHEN {' OR '.join(condition for condition, _ in cases)} THEN '{name}' END")
    text = f"nullif(concat_ws(', ', {', '.join(changed)}), '')" if changed else "NULL::VARCHAR"
    return AgreedColumns(replaced, text, where.parameters)


def candidate_lists(candidates: Candidates) -> dict[str, Parameter]:
    """The lists of which the queries make their tables of names. Class 0 are all sources that none is named for."""
    rows: list[tuple[int, Candidate]] = [(0, each) for each in candidates.usual]
    for number, found in enumerate(candidates.by_source.values(), start=1):
        rows += [(number, each) for each in found]
    return {
        "classes": [number for number, _ in rows],
        "metrics": [each.metric for _, each in rows],
        "names": [each.name for _, each in rows],
        "ranks": [each.rank for _, each in rows],
        "sources": list(candidates.by_source),
        "source_classes": list(range(1, len(candidates.by_source) + 1)),
    }


def read_value(name: str, text: str) -> Parameter:
    """An agreed value in the type of its column.

    Raises:
        ValueError: it does not fit the column: the column holds numbers, and this is none.
    """
    column = next(column for column in RUNS if column.name == name)
    value: Parameter = _NUMBERS.get(column.type, str)(text)
    converted(column, value)
    return value


def _cases(where: Where, name: str, agreements: Agreements) -> Iterable[tuple[str, str]]:
    """Conditions and what the column becomes where they hold."""
    named = agreements.sources_of(name)
    for source, value, counts_as in agreements.changed_values(name):
        try:
            stored = None if value is None else read_value(name, value)
            final = read_value(name, counts_as)
        except ValueError:
            continue  # written by another program: it can match nothing
        has_value = f'"{name}" IS NULL' if stored is None else f'"{name}" = {_bound(where, stored)}'
        yield f"({_has_source(where, source, named)} AND {has_value})", _bound(where, final)


def _has_source(where: Where, source: str | None, named: list[str]) -> str:
    if source is not None:
        return f"source = {_bound(where, source)}"
    return f"(source IS NULL OR NOT list_contains({_bound(where, named)}, source))" if named else "true"


def _bound(where: Where, value: Parameter) -> str:
    name = f"agreed_{len(where.parameters)}"
    where.parameters[name] = value
    return f"${name}"
