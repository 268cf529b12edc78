"""Runs side by side: their last values against a reference run, and where their configurations differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.errors import FilterError
from analysis.runs.config_diff import diff_configs
from analysis.runs.configuration import GroupValue, plain
from analysis.runs.direction import Direction

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One run of a comparison.

    Attributes:
        run_id, name, status: The run; name falls back on the id.
        parent_run_id, fork_step: The run that it continues and from where, or None.
        value, value_step: The last logged value and its step; None where nothing finite was logged last.
        difference: The value minus the reference run's; None where either is missing.
        is_better: Whether the difference is in the better direction; None where there is none, or it is zero.
    """

    run_id: str
    name: str
    status: str
    parent_run_id: GroupValue
    fork_step: GroupValue
    value: float | None
    value_step: GroupValue
    difference: float | None
    is_better: bool | None

    def to_json(self) -> dict[str, object]:
        """Returns the run under its documented JSON keys."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Several runs side by side.

    Attributes:
        metric, direction: What is compared, and whether the best value is the lowest or the highest.
        reference: Run id that the differences refer to.
        runs: In the order asked for.
        differing: key -> its value per run, in the same order, for the settings in which the runs differ.
    """

    metric: str
    direction: Direction
    reference: str
    runs: tuple[ComparedRun, ...]
    differing: tuple[tuple[str, tuple[GroupValue, ...]], ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        ids = [run.run_id for run in self.runs]
        return {
            "metric": self.metric,
            "direction": self.direction,
            "reference": self.reference,
            "runs": [run.to_json() for run in self.runs],
            "differing": [
                {"key": key, "values": dict(zip(ids, values, strict=True))} for key, values in self.differing
            ],
        }


def compare_runs(
    results: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    run_ids: Sequence[str],
    reference: str | None = None,
) -> RunComparison:
    """Returns runs side by side.

    Needs columns: those of the runs table, `value` and `value_step`; one row per run.

    Args:
        results: As `Snapshot.results(metric)` gives it.
        metric: Name of the metric in `value`.
        direction: `min` where lower is better, `max` where higher is.
        run_ids: The runs, at least one; repeated ones count once.
        reference: The run that differences refer to; None takes the first.

    Raises:
        FilterError: a run is not in the table, or the reference not among the runs.
    """
    wanted = list(dict.fromkeys(run_ids))
    known = results.set_index(results["run_id"].astype(str), drop=False)
    for run_id in wanted:
        if run_id not in known.index:
            some = ", ".join(known.index[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
            raise FilterError(f"There is no run '{run_id}'; there are: {some or 'none'}.")
    base = reference or wanted[0]
    if base not in wanted:
        raise FilterError(f"The reference run '{base}' is not among those compared: {', '.join(wanted)}.")
    rows = known.loc[wanted]
    base_value = _finite(rows.loc[base, "value"])
    runs = tuple(_compared(row, base_value, direction) for _, row in rows.iterrows())
    table = diff_configs(rows.reset_index(drop=True))
    differing = tuple((str(row[0]), tuple(row[1:])) for row in table.itertuples(index=False, name=None))
    return RunComparison(metric=metric, direction=direction, reference=base, runs=runs, differing=differing)


def _compared(row: pd.Series, base: float | None, direction: Direction) -> ComparedRun:
    value = _finite(row["value"])
    difference = value - base if value is not None and base is not None else None
    return ComparedRun(
        run_id=str(row["run_id"]),
        name=str(plain(row["name"]) or row["run_id"]),
        status=str(row["status"]),
        parent_run_id=plain(row["parent_run_id"]),
        fork_step=plain(row["fork_step"]),
        value=value,
        value_step=plain(row["value_step"]) if value is not None else None,
        difference=difference,
        is_better=None if not difference else (difference < 0) == (direction == "min"),
    )


def _finite(value: object) -> float | None:
    number = plain(value)
    return float(number) if isinstance(number, int | float) else None
