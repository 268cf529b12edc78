"""Limits that a configuration must keep to be chosen: `lora_rank<=16`, `peak_memory_bytes<10GiB`, `wall_s<1h`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.errors import FilterError
from analysis.runs.configuration import GroupValue, plain
from analysis.runs.filters import Condition, parse_conditions
from analysis.runs.units import read_amount

Measures = tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
"""Metrics that constraints may name besides the one that ranks: (name, ((run_id, last value), ...)), hashable."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConstraintOutcome:
    """What one constraint has excluded.

    Attributes:
        text: The constraint.
        n_excluded: Configurations that break it.
        n_unknown: Configurations that are excluded because a run of theirs does not say.
    """

    text: str
    n_excluded: int
    n_unknown: int

    def to_json(self) -> dict[str, object]:
        """Returns the outcome under its documented JSON keys."""
        return {"constraint": self.text, "n_excluded": self.n_excluded, "n_unknown": self.n_unknown}


@dataclass(frozen=True, slots=True)
class _Limit:
    text: str
    condition: Condition
    values: Sequence[GroupValue]

    def keeps(self, rows: Iterable[int]) -> bool | None:
        """Whether every one of the rows keeps it; None where one does not say."""
        answers = [_keeps(self.condition, self.values[row]) for row in rows]
        return False if False in answers else None if None in answers else True


class Constraints:
    """Parsed constraints over one results table.

    A configuration keeps a constraint when every one of its runs does: for an upper limit its largest value counts.
    """

    def __init__(
        self,
        texts: Sequence[str],
        results: pd.DataFrame,
        columns: Mapping[str, Sequence[GroupValue]],
        metric: str,
        measures: Measures,
    ) -> None:
        """Reads the constraints.

        Raises:
            FilterError: one cannot be read, or names no column, configuration key or metric.
        """
        self._limits = [
            _Limit(text, item, _values(item.column, results, columns, metric, measures))
            for text, item in zip(texts, parse_conditions(texts), strict=True)
        ]

    def split(self, trials: Mapping[str, Sequence[int]]) -> tuple[set[str], tuple[ConstraintOutcome, ...]]:
        """Returns the trials that keep all constraints, and what each constraint has excluded.

        Args:
            trials: The rows of each trial.
        """
        kept = set(trials)
        outcomes = []
        for limit in self._limits:
            answers = {key: limit.keeps(rows) for key, rows in trials.items()}
            kept -= {key for key, answer in answers.items() if not answer}
            given = list(answers.values())
            outcomes.append(
                ConstraintOutcome(limit.text, given.count(False), given.count(None)),
            )
        return kept, tuple(outcomes)


def constraint_names(texts: Sequence[str]) -> list[str]:
    """Returns the columns, keys and metrics that constraints name.

    Raises:
        FilterError: one cannot be read.
    """
    return list(dict.fromkeys(condition.column for condition in parse_conditions(texts)))


def _values(
    name: str,
    results: pd.DataFrame,
    columns: Mapping[str, Sequence[GroupValue]],
    metric: str,
    measures: Measures,
) -> Sequence[GroupValue]:
    if name in columns:
        return columns[name]
    measured = dict(measures)
    if name in measured:
        logged = dict(measured[name])
        return [plain(logged.get(str(run_id))) for run_id in results["run_id"]]
    source = "value" if name == metric else name
    if source in results.columns:
        return [plain(value) for value in results[source]]
    known = sorted({*columns, *measured, *(str(column) for column in results.columns), metric} - {"value"})
    raise FilterError(f"A constraint names '{name}', which no run has; there are: {', '.join(known)}.")


def _keeps(condition: Condition, value: GroupValue) -> bool | None:
    if condition.op in ("=", "!="):
        return (value in condition.values) == (condition.op == "=")
    if value is None:
        return None
    if condition.op == "~":
        return str(condition.value).casefold() in str(value).casefold()
    limit = condition.value
    if isinstance(limit, str) and not isinstance(value, str):
        limit = read_amount(limit)
    if not isinstance(value, int | float) or not isinstance(limit, int | float):
        raise FilterError(f"The constraint {condition} compares numbers, but a run has {value!r}.")
    return _COMPARE[condition.op](value, limit)
