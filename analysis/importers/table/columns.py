"""The columns of one table with their roles, looked up once: fields, metrics, scores, and what is kept as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from analysis.errors import ConfigError
from analysis.importers.table.cells import READERS, CellError, distinct, is_blank, shown, to_text
from analysis.importers.table.table_map import FIELDS, NO_DETAILS, EvalDetails, TableMap
from analysis.importers.table.types import Cell, Table
from analysis.importers.table.words import STATUS_WORDS
from analysis.runs.direction import direction_of
from analysis.store.checks import WrongValueError, converted
from analysis.store.identity import ID_PATTERN
from analysis.store.schema import RUNS, STATUSES, Column

_COLUMNS: Final = {column.name: column for column in RUNS}
_CLOSE: Final = 1e-9
"""Relative distance within which a scaled number counts as whole: what float rounding leaves."""


class FieldColumn(NamedTuple):
    """A column that is a column of the runs table."""

    name: str
    header: str
    position: int
    read: Callable[[Cell], object]


class ValueColumn(NamedTuple):
    """A column that holds a metric, at the row's own step where `step` is None."""

    metric: str
    step: int | None
    header: str
    position: int
    scale: float
    blank: float | None


class ScoreColumn(NamedTuple):
    """A column that holds a benchmark's scores."""

    benchmark: str
    header: str
    position: int
    stderr_index: int | None
    details: EvalDetails
    higher_is_better: bool


def with_own_names(table_map: TableMap, table: Table) -> TableMap:
    """The map completed with those columns that are called like a field and have no role: each is that field.

    A column whose cells mostly do not fit is left alone, except `status`, whose unknown words must not get lost.

    Raises:
        ConfigError: a header is the name of a field that the map gives to another column.
    """
    free = [header for header in kept_headers(table, table_map) if header in FIELDS and header not in table_map.config]
    taken = {*table_map.fields, *table_map.constants}
    for header in free:
        if header in taken:
            message = f"{table.file}: {header} is another column or a constant in the map, and also a column's header"
            raise ConfigError(f"{message}; put it under ignore, or rename it")
    fitting = {header: header for header in free if header == "status" or fits_field(table, header, table_map, header)}
    return table_map.model_copy(update={"fields": {**table_map.fields, **fitting}}) if fitting else table_map


def kept_headers(table: Table, table_map: TableMap) -> list[str]:
    """Headers of the columns without a role of their own, which are kept in the configuration as they are."""
    named = table_map.named_headers()
    kept = {*table_map.config, *table_map.measured}
    return [
        header
        for header in table.headers
        if header in kept or (header not in named and table_map.curve_step(header) is None)
    ]


def field_columns(table: Table, table_map: TableMap) -> Iterator[FieldColumn]:
    """The columns that are fields of a run, `run_id` left out."""
    for name, header in table_map.fields.items():
        if name != "run_id" and isinstance(header, str):
            yield FieldColumn(name, header, table.headers.index(header), field_reader(name, table_map))


def value_columns(table: Table, table_map: TableMap) -> Iterator[ValueColumn]:
    """The columns that hold metrics, those of wide curves with their step."""
    for metric, header in table_map.metrics.items():
        if header in table.headers:
            yield _value_column(metric, None, header, table, table_map)
    for header in table.headers:
        found = table_map.curve_step(header)
        if found is not None:
            yield _value_column(*found, header, table, table_map)


def _value_column(metric: str, step: int | None, header: str, table: Table, table_map: TableMap) -> ValueColumn:
    blank = math.nan if metric in table_map.blank_is_nan else None
    return ValueColumn(metric, step, header, table.headers.index(header), table_map.scale.get(metric, 1.0), blank)


def score_columns(table: Table, table_map: TableMap) -> Iterator[ScoreColumn]:
    """The columns that hold benchmark scores."""
    for benchmark, header in table_map.evals.items():
        details = table_map.eval_details.get(benchmark, NO_DETAILS)
        stderr = None if details.stderr is None else table.headers.index(details.stderr)
        higher = table_map.directions.get(benchmark, direction_of(details.metric)) == "max"
        yield ScoreColumn(benchmark, header, table.headers.index(header), stderr, details, higher)


def read_constants(table_map: TableMap) -> tuple[dict[str, object], dict[str, object]]:
    """The constants that are fields of a run, and those that are only kept in its configuration.

    Raises:
        ConfigError: a constant does not fit its field.
    """
    fields: dict[str, object] = {}
    kept: dict[str, object] = {}
    for name, value in table_map.constants.items():
        if name not in FIELDS:
            kept[name] = value
            continue
        try:
            fields[name] = field_reader(name, table_map)(value)
        except CellError as problem:
            raise ConfigError(f"constants.{name}: {problem}, got {shown(value)}") from problem
    return fields, kept


def field_reader(name: str, table_map: TableMap) -> Callable[[Cell], object]:
    """A function that reads cells as a field: converted, scaled and checked; it raises `CellError`."""
    if name == "status":
        return _status_reader(table_map.status_values)
    column, scale = _COLUMNS[name], table_map.scale.get(name)
    read = READERS["float64" if scale is not None else column.type]

    def read_field(cell: Cell) -> object:
        value = read(cell)
        if value is None:
            return None
        if scale is not None and isinstance(value, int | float):
            value = _scaled(value, scale, column)
        try:
            return converted(column, value)
        except WrongValueError as problem:
            raise CellError(_explained(problem, column)) from problem

    return read_field


def _scaled(value: float, scale: float, column: Column) -> float:
    product = value * scale
    whole = column.type == "int64" and math.isfinite(product)
    return (
        round(product) if whole and (scale > 1 or abs(product - round(product)) <= _CLOSE * abs(product)) else product
    )


def _explained(problem: WrongValueError, column: Column) -> str:
    if column.rule == "id":
        return f"must be an id of small letters, digits, - and _ ({ID_PATTERN})"
    return str(problem)


def _status_reader(values: Mapping[str, str]) -> Callable[[Cell], object]:
    given = {key.lower(): value for key, value in values.items()}
    known = {**STATUS_WORDS, **given}

    def read_status(cell: Cell) -> object:
        word = str(to_text(cell)).lower()
        status = values.get(str(cell)) or known.get(word)
        if status is None:
            raise CellError(f"is no known status; say under status_values which of {', '.join(sorted(STATUSES))} it is")
        return status

    return read_status


def fits_field(table: Table, header: str, table_map: TableMap, field: str) -> bool:
    """Whether a column can be read as a field: more than half of its different cells can."""
    cells = distinct(table.column(header))
    if field == "run_id":
        return not any(map(is_blank, cells))
    read = field_reader(field, table_map)
    there = [cell for cell in cells if not is_blank(cell)]
    return 2 * sum(_reads(read, cell) for cell in there) > len(there)


def _reads(read: Callable[[Cell], object], cell: Cell) -> bool:
    try:
        read(cell)
    except CellError:
        return False
    return True
