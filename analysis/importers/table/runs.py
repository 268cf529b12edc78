"""Rows -> runs: what each run is configured with, what it logged, and which rows contradict each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from analysis.importers.result import RowProblem
from analysis.importers.table.measured import without
from analysis.importers.table.row_reader import RowContent, Score
from analysis.importers.table.table_map import CONFIGURATION_FIELDS, MEASURED_FIELDS, TableMap
from analysis.store.identity import canonical_json, trial_key

Place = tuple[str, int]
"""A metric and the step at which it was logged."""
ScorePlace = tuple[str, str, int]
"""A benchmark, its metric and the step at which it was scored."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One logged value with its clocks."""

    value: float
    tokens_seen: int | None = None
    wall_time: float | None = None


@dataclass(slots=True)
class TableRun:
    """What a table says about one run.

    Attributes:
        named: The text that names it, or None where its configuration does.
        fields: Columns of the runs table that the table states.
        config: Everything for `config_json`.
        key: Trial key under this table's rules.
        n_rows: Rows of the table behind it.
        line: The first of them.
        hints: Fields that it states only by the way, such as the clock of its last step: they fill gaps in the store.
        metrics: Place -> logged value.
        scores: Place -> score.
    """

    named: str | None
    fields: dict[str, object]
    config: dict[str, object]
    key: str
    n_rows: int
    line: int
    hints: dict[str, object] = field(default_factory=dict)
    metrics: dict[Place, Logged] = field(default_factory=dict)
    scores: dict[ScorePlace, Score] = field(default_factory=dict)

    @property
    def seed(self) -> object:
        """The seed, or None."""
        return self.fields.get("seed")

    def content(self) -> str:
        """Everything it says, as one text: what two runs of one trial are ordered by, whatever the rows' order."""
        metrics = [[*place, _text(logged.value)] for place, logged in sorted(self.metrics.items())]
        scores = [[*place, _text(score.score)] for place, score in sorted(self.scores.items())]
        fields = {name: str(value) for name, value in self.fields.items()}
        return canonical_json({"config": self.config, "fields": fields, "metrics": metrics, "scores": scores})


def identity_key(source: str, config: Mapping[str, object]) -> str:
    """Trial key of a configuration of one source: two tables that merely look alike are not replicates."""
    return trial_key({"source": source, "config": without(config, {"seed"})})


def gather_runs(
    rows: Sequence[RowContent], table_map: TableMap, measured: Set[str], source: str
) -> tuple[list[TableRun], list[RowProblem], int]:
    """Returns the runs, the problems of rows that contradict each other, and how many rows got lost by them."""
    problems: list[RowProblem] = []
    runs: list[TableRun] = []
    n_lost = 0
    for group in _groups(rows, table_map, measured, source):
        run = _merged(group, measured, source, problems, is_long=table_map.is_long)
        if run is None:
            n_lost += len(group)
        else:
            runs.append(run)
    return runs, problems, n_lost


def _groups(
    rows: Sequence[RowContent], table_map: TableMap, measured: Set[str], source: str
) -> Iterable[list[RowContent]]:
    if not table_map.run_id_columns and not table_map.is_long:
        return ([row] for row in rows)
    groups: dict[object, list[RowContent]] = defaultdict(list)
    for row in rows:
        by_config = row.run is None
        name = (identity_key(source, _trial(row, measured)), row.fields.get("seed")) if by_config else row.run
        groups[name].append(row)
    return groups.values()


def _config(row: RowContent) -> dict[str, object]:
    names = (*CONFIGURATION_FIELDS, "seed")
    return {name: row.fields[name] for name in names if name in row.fields} | row.kept


def _trial(row: RowContent, measured: Set[str]) -> dict[str, object]:
    return without(_config(row), measured)


def _merged(
    group: list[RowContent], measured: Set[str], source: str, problems: list[RowProblem], *, is_long: bool
) -> TableRun | None:
    if len(group) > 1:  # the order of the rows in the file must not matter
        group.sort(key=lambda row: (-1 if row.step is None else row.step, repr(row.kept)))
    fields, config = dict(group[0].fields), dict(group[0].kept)
    for row in group[1:]:
        clash = _join(fields, row.fields) or _join_kept(config, row.kept, measured, is_long=is_long)
        if clash is not None:
            problems.append(_clash_problem(clash, group))
            return None
    typed = {name: fields[name] for name in (*CONFIGURATION_FIELDS, "seed") if name in fields}
    config = typed | config
    key = identity_key(source, without(config, measured))
    run = TableRun(group[0].run, fields, config, key, len(group), min(row.line for row in group))
    if is_long:
        run.hints = {name: fields.pop(name) for name in MEASURED_FIELDS if name in fields}
    found = _log(run, group, is_long=is_long)
    problems += found
    run.n_rows -= len({problem.line for problem in found})
    return run if run.n_rows > 0 else None


def _join(fields: dict[str, object], more: Mapping[str, object]) -> tuple[str, object, object] | None:
    """Adds what another row of the run says; the largest of measured fields counts, others must agree."""
    for name, value in more.items():
        before = fields.setdefault(name, value)
        if name in MEASURED_FIELDS:
            fields[name] = max(before, value, key=_number)
        elif before != value:
            return name, before, value
    return None


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else math.nan


def _join_kept(
    config: dict[str, object], more: Mapping[str, object], measured: Set[str], *, is_long: bool
) -> tuple[str, object, object] | None:
    """The same for kept columns; of what varies within a run the last value counts."""
    for header, value in more.items():
        before = config.get(header, value)
        if before != value and not (is_long and header in measured):
            return header, before, value
        config[header] = value
    return None


def _clash_problem(clash: tuple[str, object, object], group: Sequence[RowContent]) -> RowProblem:
    name, before, value = clash
    last = max(row.line for row in group)
    called = f"run {group[0].run!r}" if group[0].run else "this run"
    reason = f"the {len(group)} rows of {called} (the last on line {last}) disagree: {before} and {value}"
    hint = "; a rate that decays belongs under metrics" if name == "learning_rate" else ""
    return RowProblem(min(row.line for row in group), name, None, reason + hint)


def _log(run: TableRun, group: Sequence[RowContent], *, is_long: bool) -> list[RowProblem]:
    """Fills in what the run logged; a place that has two values gets neither, and a problem for each of its rows."""
    default = _last_step(run.fields)
    logged: dict[Place | ScorePlace, list[tuple[int, float]]] = defaultdict(list)
    for row in group:
        for (metric, at), value in row.values.items():
            place = (metric, _step(at, row.step, default))
            run.metrics.setdefault(place, Logged(value, *(_clocks(row) if is_long else ())))
            logged[place].append((row.line, value))
        for (benchmark, metric), score in row.scores.items():
            at_step = (benchmark, metric, _step(None, row.step, default))
            run.scores.setdefault(at_step, score)
            logged[at_step].append((row.line, score.score))
    if len(group) == 1:
        return []
    return [problem for place, found in logged.items() for problem in _drop_clash(run, place, found)]


def _drop_clash(run: TableRun, place: Place | ScorePlace, found: Sequence[tuple[int, float]]) -> list[RowProblem]:
    values = sorted({_text(value) for _, value in found})
    if len(values) == 1:
        return []
    if len(place) == 2:
        del run.metrics[place]
    else:
        del run.scores[place]
    reason = f"step {place[-1]} of this run has several values ({', '.join(values[:5])}), so none of them is taken"
    return [RowProblem(line, place[0], None, reason) for line, _ in found]


def _clocks(row: RowContent) -> tuple[int | None, float | None]:
    """Tokens and seconds that a row of one step states."""
    tokens, seconds = row.fields.get("tokens_seen"), row.fields.get("wall_s")
    return tokens if isinstance(tokens, int) else None, seconds if isinstance(seconds, float) else None


def _last_step(fields: Mapping[str, object]) -> int:
    steps = fields.get("max_steps")
    return steps if isinstance(steps, int) and steps >= 0 else 0


def _step(of_column: int | None, of_row: int | None, default: int) -> int:
    if of_column is not None:
        return of_column
    return default if of_row is None else of_row


def same_number(one: float, other: float) -> bool:
    """Whether two logged values are the same, NaN being itself."""
    return one == other or (math.isnan(one) and math.isnan(other))


def _text(value: float) -> str:
    return repr(float(value))
