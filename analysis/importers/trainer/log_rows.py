"""The logged values of one training as the tables of a `SourceRun`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from analysis.importers.logged_rows import LoggedRows, number_of, step_of
from analysis.importers.result import RowProblem
from analysis.importers.trainer.states import Entry, State

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class LoggedTables:
    """The tables of a run.

    Attributes:
        history: Numbers.
        objects: The rest.
        n_rows: Rows (steps with their values) that came in.
        n_lost: Entries that could not be placed.
        problems: What is wrong with those.
        again: What was logged a second time at its step, and differently; it is in neither table.
    """

    history: pa.Table
    objects: pa.Table
    n_rows: int
    n_lost: int
    problems: tuple[RowProblem, ...]
    again: tuple[Entry, ...]


def tables_of(attempts: Sequence[Iterable[Entry]]) -> LoggedTables:
    """The tables of the logs of a run's attempts.

    Of several values of one name at one step the first counts: it is that of the training itself, it stays the same
    while the run goes on, and an evaluation after the end may be of another checkpoint (`load_best_model_at_end`).
    """
    rows = LoggedRows()
    problems: list[RowProblem] = []
    again: list[Entry] = []
    n_rows = 0
    for attempt, entries in enumerate(attempts, start=1):
        by_step = _by_step(entries, problems, again)
        n_rows += len(by_step)
        for step, values in by_step.items():
            rows.add(step, values, attempt=attempt)
    found = (*problems, *rows.problems)
    return LoggedTables(rows.history(), rows.objects(), n_rows, len(problems), found, tuple(again))


def _by_step(entries: Iterable[Entry], problems: list[RowProblem], again: list[Entry]) -> dict[int, Entry]:
    """Values by step."""
    by_step: dict[int, Entry] = {}
    for index, entry in enumerate(entries, start=1):
        step = step_of(entry.get("step"))
        if step is None:
            reason = "an entry of log_history says no step from 0 on, so it has no place; it is left out"
            problems.append(RowProblem(index, "step", str(entry.get("step"))[:_SHOWN], reason))
            continue
        values = {name: value for name, value in entry.items() if name != "step"}
        known = by_step.setdefault(step, {})
        other = {name: value for name, value in values.items() if name in known and known[name] != value}
        if other:
            again.append({"step": step, **other})
        by_step[step] = {**values, **known}
    return by_step


def late_values(state: State, results: Mapping[str, object]) -> list[Entry]:
    """An entry, or none, for what the result files say at the end and the log does not.

    `evaluate()` after the training writes to them only. Their `epoch` proves that they are of the last step.
    """
    if not _is_of(state, results):
        return []
    known = {name for entry in state.log if step_of(entry.get("step")) == state.step for name in entry}
    late = {name: value for name, value in results.items() if name not in known and number_of(value) is not None}
    return [{**late, "step": state.step}] if late else []


def _is_of(state: State, results: Mapping[str, object]) -> bool:
    """Whether results are of a state's step. Older versions round the epoch in what they log to two digits."""
    one, other = number_of(results.get("epoch")), number_of(state.content.get("epoch"))
    if one is None or other is None:
        return False
    is_last = state.max_steps is not None and state.step >= state.max_steps
    return one == other or (is_last and math.isclose(one, other, abs_tol=0.005))
