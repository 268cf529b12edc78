"""Where the trials of a sweep go on from: a checkpoint, if there is one that fits, else their start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from analysis.store import Store
from runner.spec.plan import TrialPlan
from runner.sweep_prepare import COMPLETE, PreparedSweep
from runner.training.checkpoint import PackCheckpoint, PackRecord, TrialRecord, read_checkpoint
from runner.training.checkpoint_files import CheckpointShelf, Damage
from runner.training.memory import PackLimits
from runner.training.trial_state import SavedTrial

_MUST_BE_EQUAL: Final = ("precision", "kind of device")
"""Halves of one curve in two precisions would be no curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Which trials train, in which order, and from where.

    Attributes:
        plans: In the order in which they take slots.
        limits: The size of the pack, as asked for or as it was.
        saved: Trials that go on from a checkpoint, by run id.
        records: The same trials' numbers.
        silent: Trials that the store has to their end already, but that were in the pack after the checkpoint: they are
            computed again because the others' bits depend on them, and nothing of them is written.
        leave_at: After how many steps those of them leave that the user had stopped.
        resumed_from: The checkpoint in words; None for a fresh start.
        made_at: When the checkpoint was made, in seconds since 1970.
        differences: Why the result need not equal that of an uninterrupted sweep bit by bit; empty where it does.
        planned_micro_batch_tokens: Most tokens in one pass before memory ran out; None where it never did.
    """

    plans: Sequence[TrialPlan]
    limits: PackLimits
    saved: Mapping[str, SavedTrial] = field(default_factory=dict)
    records: Mapping[str, TrialRecord] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    leave_at: Mapping[str, int] = field(default_factory=dict)
    resumed_from: str | None = None
    made_at: float | None = None
    differences: tuple[str, ...] = ()
    planned_micro_batch_tokens: int | None = None

    def from_the_start(self, run_ids: frozenset[str]) -> Course:
        """The same, but with these trials trained from their start."""
        left = {run_id: saved for run_id, saved in self.saved.items() if run_id not in run_ids}
        records = {run_id: record for run_id, record in self.records.items() if run_id in left}
        return replace(self, saved=left, records=records)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsBefore:
    """What the store has of a sweep's runs.

    Attributes:
        rows: Their newest rows, by run id.
        steps: Optimizer steps that the newest attempt of those took that the user stopped one by one, by run id.
    """

    rows: Mapping[str, Mapping[str, object]]
    steps: Mapping[str, int]

    def is_complete(self, run_id: str) -> bool:
        """Whether the run came to the end that its configuration gives it."""
        return self.rows.get(run_id, {}).get("status") in COMPLETE


def checkpoint_shelf(store: Store, sweep_id: str) -> CheckpointShelf:
    """Where the checkpoints of a sweep are."""
    return CheckpointShelf(Path(store.location) / "checkpoints" / sweep_id)


def find_course(
    sweep: PreparedSweep,
    todo: Sequence[TrialPlan],
    before: RunsBefore,
    shelf: CheckpointShelf,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> Course:
    """The course of some trials over one base model.

    Args:
        sweep: The whole sweep.
        todo: The trials of one precision that the store does not have to their end.
        before: What it has.
        shelf: The sweep's checkpoints; damaged ones are removed.
        environment: What the bits of the result depend on, here and now.
        say: Tells the reader what was found.
    """
    fresh = Course(plans=todo, limits=sweep.limits)
    for found in shelf.newest_first():
        checkpoint = _read(found, shelf, say)
        if checkpoint is None:
            continue
        record = checkpoint.record
        wanted = {plan.trial.run_id for plan in todo}
        if not wanted & {*record.queue, *checkpoint.saved}:
            return fresh  # it belongs to trials that are done, and so do those before it
        others = [name for name in _MUST_BE_EQUAL if record.environment.get(name) != environment[name]]
        if others:
            say(f"{_words(record)} was made with another {' and '.join(others)}: the runs in it begin anew")
            return fresh
        return _course(sweep, todo, before, checkpoint, _differences(sweep, record, environment))
    return fresh


def _read(found: Path | Damage, shelf: CheckpointShelf, say: Callable[[str], None]) -> PackCheckpoint | None:
    if isinstance(found, Damage):
        say(f"checkpoint {found.folder.name} is damaged ({found.reason}) and is removed; looking at the one before")
        shelf.remove(found.folder)
        return None
    try:
        return read_checkpoint(found)
    except (ValidationError, OSError) as problem:
        say(f"checkpoint {found.name} cannot be read ({type(problem).__name__}); looking at the one before")
        return None


def _course(
    sweep: PreparedSweep,
    todo: Sequence[TrialPlan],
    before: RunsBefore,
    checkpoint: PackCheckpoint,
    differences: tuple[str, ...],
) -> Course:
    record = checkpoint.record
    plans = {plan.trial.run_id: plan for plan in sweep.plan.trials}
    wanted = {plan.trial.run_id for plan in todo}
    order = [run_id for run_id in (*(t.run_id for t in record.active), *record.queue) if run_id in plans]
    silent = frozenset(
        run_id
        for run_id in order
        if run_id not in wanted and (before.is_complete(run_id) or run_id in before.steps) and not differences
    )
    order = [run_id for run_id in order if run_id in wanted | silent]
    order += [plan.trial.run_id for plan in todo if plan.trial.run_id not in order]
    has_asked_otherwise = record.asked != (sweep.limits.n_slots, sweep.limits.micro_batch_tokens)
    has_halved = record.micro_batch_tokens < record.planned_micro_batch_tokens
    size = PackLimits(n_slots=record.n_slots, micro_batch_tokens=record.micro_batch_tokens)
    return Course(
        plans=[plans[run_id] for run_id in order],
        limits=sweep.limits if has_asked_otherwise else size,
        saved={run_id: saved for run_id, saved in checkpoint.saved.items() if run_id in order},
        records={t.run_id: t for t in record.active if t.run_id in wanted},
        silent=silent,
        leave_at={run_id: before.steps[run_id] for run_id in silent if not before.is_complete(run_id)},
        resumed_from=_words(record),
        made_at=record.made_at,
        differences=differences,
        planned_micro_batch_tokens=None if has_asked_otherwise or not has_halved else record.planned_micro_batch_tokens,
    )


def _differences(sweep: PreparedSweep, record: PackRecord, environment: Mapping[str, str]) -> tuple[str, ...]:
    found = [
        f"{name} was {record.environment.get(name)}, is {now}"
        for name, now in environment.items()
        if record.environment.get(name) != now
    ]
    if record.run_ids != tuple(plan.trial.run_id for plan in sweep.plan.trials):
        found.append("the sweep file has other runs")
    if record.asked != (sweep.limits.n_slots, sweep.limits.micro_batch_tokens):
        found.append("pack or micro_batch_tokens has changed")
    if environment["kind of device"] != "cpu":
        found.append("a GPU does not add in a fixed order")
    return tuple(found)


def _words(record: PackRecord) -> str:
    made_at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.made_at))
    steps = sorted({t.step for t in record.active})
    where = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
    return f"the checkpoint of {made_at} ({len(record.active)} runs at {where})"
