"""From what a user names to what can be scored of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from analysis.errors import UcurveError
from analysis.ranking.rank import rank_configurations
from analysis.runs.direction import direction_of
from analysis.store import RunRow, Store
from analysis.store.conditions import Condition
from analysis.store.schema import FINAL_STATUSES
from runner.errors import ConfigError
from runner.evaluation.outcome import LeftOut
from runner.evaluation.targets import OUR_SOURCES, Target, find_target, is_base
from runner.training.adapter_files import adapter_folder

_NEVER = FINAL_STATUSES - {"finished"}


class Selection(NamedTuple):
    """What to score, what of it cannot be, and what is said about runs that nobody expects to be scored."""

    targets: list[Target]
    left_out: list[LeftOut]
    notes: list[str]


def select_runs(store: Store, run_ids: Sequence[str]) -> Selection:
    """Returns the runs that are named, each of which must be one that can be scored.

    Raises:
        ConfigError: a run is unknown, or has nothing to score.
    """
    rows = store.snapshot().run_rows(run_ids)
    unknown = [run_id for run_id in run_ids if run_id not in rows]
    if unknown:
        raise ConfigError(f"there is no run {unknown[0]!r} in {store.location}; `ucurve runs` lists them")
    return Selection([find_target(store, rows[run_id]) for run_id in dict.fromkeys(run_ids)], [], [])


def select_where(store: Store, where: Sequence[Condition]) -> Selection:
    """Returns the runs that fit, without base models; those that did not come to their end are only counted.

    Raises:
        FilterError: a condition names neither a column nor a configuration key.
        ConfigError: nothing can be scored.
    """
    snapshot = store.snapshot()
    found = snapshot.run_rows(order := [str(run_id) for run_id in snapshot.runs(where)["run_id"]])
    rows = [found[run_id] for run_id in order if not is_base(found[run_id])]
    hopeless = Counter(word for row in rows if (word := _why_never(store, row)))
    notes = [f"{n} {word} runs have no adapter to score" for word, n in sorted(hopeless.items())]
    targets: list[Target] = []
    left_out: list[LeftOut] = []
    for row in (row for row in rows if not _why_never(store, row)):
        try:
            targets.append(find_target(store, row))
        except UcurveError as error:
            left_out.append(LeftOut(run_id=str(row["run_id"]), reason=str(error)))
    if not targets:
        reason = left_out[0].reason if left_out else "; ".join(notes) or "no run fits"
        raise ConfigError(f"there is nothing to score in {store.location}: {reason}")
    return Selection(targets, left_out, notes)


def select_best(store: Store, where: Sequence[Condition], metric: str) -> Selection:
    """Returns the finished runs of the configuration with the best mean of a metric.

    Raises:
        FilterError: a condition names neither a column nor a configuration key.
        ConfigError: there is no one winner, or nothing of it can be scored.
    """
    snapshot = store.snapshot()
    direction = direction_of(metric, snapshot.metric_directions())
    best = rank_configurations(snapshot.results(metric, where), metric=metric, direction=direction).overall
    if best.winner is None:
        raise ConfigError(f"--best finds no winner: {best.rule}")
    note = f"the best configuration by {metric}: {best.winner.name}"
    return _with_note(select_where(store, [Condition("trial_key", "=", best.winner.trial_key), *where]), note)


def _with_note(selection: Selection, note: str) -> Selection:
    return selection._replace(notes=[note, *selection.notes])


def _why_never(store: Store, row: RunRow) -> str:
    """What kind of run it is, if nobody expects it to be scored; else empty."""
    if row["status"] in _NEVER:
        return str(row["status"])
    has_adapter = adapter_folder(store, str(row["run_id"])).is_dir()
    return "imported" if row.get("source") not in OUR_SOURCES and not has_adapter else ""
