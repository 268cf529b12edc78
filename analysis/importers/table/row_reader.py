"""One row of a table -> what it says about a run, by the map. A cell that does not fit refuses its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from analysis.importers.result import RowProblem
from analysis.importers.table.cells import (
    CellError,
    holds_numbers,
    is_blank,
    kept_value,
    shown,
    to_number,
    to_text,
    to_whole,
)
from analysis.importers.table.columns import (
    ScoreColumn,
    field_columns,
    kept_headers,
    read_constants,
    score_columns,
    value_columns,
)
from analysis.importers.table.table_map import TableMap
from analysis.importers.table.types import Cell, Table

Value = TypeVar("Value")
_LONGEST_NAME = 200


class Score(NamedTuple):
    """One benchmark score: the columns of the store's table from `score` on."""

    score: float
    stderr: float | None
    n_items: int | None
    chance_level: float | None
    higher_is_better: bool | None
    harness: str | None = None
    harness_version: str | None = None
    items_digest: str | None = None


@dataclass(slots=True)
class RowContent:
    """What one row says.

    Attributes:
        line: Where it stands.
        run: The run it names, or None where its configuration does.
        fields: Columns of the runs table.
        kept: Everything that has no role of its own, under its header.
        step: Its step, or None.
        values: (metric, step or None) -> value.
        scores: (benchmark, metric) -> score.
    """

    line: int
    run: str | None
    fields: dict[str, object]
    kept: dict[str, object]
    step: int | None
    values: dict[tuple[str, int | None], float]
    scores: dict[tuple[str, str], Score]


class _BadCellError(Exception):
    def __init__(self, header: str, cell: Cell, reason: str) -> None:
        super().__init__(reason)
        self.header, self.cell = header, cell


class RowReader:
    """Reads the rows of one table; everything that is looked up by header is looked up once."""

    def __init__(self, table: Table, table_map: TableMap) -> None:
        self._table = table
        self._map = table_map
        index = {header: number for number, header in enumerate(table.headers)}
        self._constants, self.constant_config = read_constants(table_map)
        self._run = [(header, index[header]) for header in table_map.run_id_columns]
        self._step = None if table_map.step is None else index[table_map.step]
        self._pair = None
        if table_map.metric_name is not None and table_map.metric_value is not None:
            self._pair = (index[table_map.metric_name], index[table_map.metric_value])
        self._fields = list(field_columns(table, table_map))
        self._values = list(value_columns(table, table_map))
        self._scores = list(score_columns(table, table_map))
        numeric = {header: holds_numbers(table.column(header)) for header in kept_headers(table, table_map)}
        self.numeric_headers = {header for header, is_numeric in numeric.items() if is_numeric}
        self._kept = [(header, index[header], is_numeric) for header, is_numeric in numeric.items()]
        self._renamed = {header: metric for metric, header in table_map.metrics.items() if header not in index}

    @property
    def kept_headers(self) -> list[str]:
        """Columns that are kept in the configuration under their headers."""
        return [header for header, _, _ in self._kept]

    def read(self, row: int) -> RowContent | RowProblem:
        """Returns what a row says, or why it cannot be imported."""
        line, cells = self._table.lines[row], self._table.rows[row]
        try:
            return RowContent(
                line=line,
                run=self._read_run(cells),
                fields=self._read_fields(cells),
                kept=self._read_kept(cells),
                step=self._read_step(cells),
                values=self._read_values(cells),
                scores=self._read_scores(cells),
            )
        except _BadCellError as bad:
            return RowProblem(line, bad.header, None if is_blank(bad.cell) else shown(bad.cell), str(bad))

    def _read_run(self, cells: Sequence[Cell]) -> str | None:
        if not self._run:
            return None
        for header, index in self._run:
            if is_blank(cells[index]):
                raise _BadCellError(header, None, "must name the run, but is blank")
        return " ".join(str(to_text(cells[index])) for _, index in self._run)

    def _read_fields(self, cells: Sequence[Cell]) -> dict[str, object]:
        fields = dict(self._constants)
        for name, header, index, read in self._fields:
            cell = cells[index]
            value = None if is_blank(cell) else _read(header, cell, read)
            if value is not None:
                fields[name] = value
        return fields

    def _read_kept(self, cells: Sequence[Cell]) -> dict[str, object]:
        kept = dict(self.constant_config)
        for header, index, is_numeric in self._kept:
            value = kept_value(cells[index], among_numbers=is_numeric)
            if value is not None:
                kept[header] = value
        return kept

    def _read_step(self, cells: Sequence[Cell]) -> int | None:
        if self._step is None:
            return None
        return _read(str(self._map.step), cells[self._step], _to_step)

    def _read_values(self, cells: Sequence[Cell]) -> dict[tuple[str, int | None], float]:
        values: dict[tuple[str, int | None], float] = {}
        for metric, step, header, index, scale, blank in self._values:
            cell = cells[index]
            number = blank if is_blank(cell) else _read(header, cell, to_number)
            if number is not None:
                values[metric, step] = float(number) * scale
        if self._pair is not None:
            self._read_pair(cells[self._pair[0]], cells[self._pair[1]], values)
        return values

    def _read_pair(self, name: Cell, cell: Cell, values: dict[tuple[str, int | None], float]) -> None:
        text = to_text(name)
        if text is None or len(text) > _LONGEST_NAME:
            raise _BadCellError(str(self._map.metric_name), name, "must name the metric in 1 to 200 characters")
        metric = self._renamed.get(text, text)
        value = _read(str(self._map.metric_value), cell, to_number)
        if value is not None:
            values[metric, None] = float(value) * self._map.scale.get(metric, 1.0)

    def _read_scores(self, cells: Sequence[Cell]) -> dict[tuple[str, str], Score]:
        scores: dict[tuple[str, str], Score] = {}
        for column in self._scores:
            score = _read(column.header, cells[column.position], to_number)
            if score is not None:
                scores[column.benchmark, column.details.metric] = _score(column, float(score), cells)
        return scores


def _read(header: str, cell: Cell, read: Callable[[Cell], Value]) -> Value:
    try:
        return read(cell)
    except CellError as problem:
        raise _BadCellError(header, cell, str(problem)) from problem


def _to_step(cell: Cell) -> int:
    step = to_whole(cell)
    if step is None or not 0 <= step < 2**63:
        raise CellError("must be a step: a whole number from 0 on")
    return step


def _score(column: ScoreColumn, score: float, cells: Sequence[Cell]) -> Score:
    details = column.details
    error = None
    if column.stderr_index is not None and details.stderr is not None:
        error = _read(details.stderr, cells[column.stderr_index], to_number)
    return Score(
        score=score * details.scale,
        stderr=None if error is None else float(error) * details.scale,
        n_items=details.n_items,
        chance_level=details.chance_level,
        higher_is_better=column.higher_is_better,
    )
