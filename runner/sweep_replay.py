"""A resumed sweep's past: rows that are taken over from the attempt before, and trials that are only computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from analysis.store import Store
from runner.spec.plan import TrialPlan
from runner.training.checkpoint import TrialRecord
from runner.training.trainer import Evaluation, Observer
from runner.training.trial_state import StepResult, TrialState


class SweepListener(Observer, Protocol):
    """An observer that also hears when the pack breaks."""

    def failed(self, reason: str) -> None:
        """Every trial still in the pack failed."""


class Muted:
    """Passes on everything but what is said of some trials: the store has all of that already.

    Args:
        inner: Hears of the others.
        silent: Run ids of the trials that are computed again.
    """

    def __init__(self, inner: SweepListener, silent: frozenset[str]) -> None:
        self._inner, self._silent = inner, silent

    def started(self, state: TrialState) -> None:
        """The trial took a slot."""
        if state.run_id not in self._silent:
            self._inner.started(state)

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """A step was taken."""
        if state.run_id not in self._silent:
            self._inner.stepped(state, step, result)

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """The held-out loss was measured."""
        if state.run_id not in self._silent:
            self._inner.evaluated(state, evaluation)

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """The trial left its slot."""
        if state.run_id not in self._silent:
            self._inner.ended(state, status, reason)

    def withdrawn(self, plan: TrialPlan) -> None:
        """A trial left the queue."""
        if plan.trial.run_id not in self._silent:
            self._inner.withdrawn(plan)

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        """Memory ran out."""
        self._inner.micro_batch_halved([s for s in states if s.run_id not in self._silent], n_tokens)

    def failed(self, reason: str) -> None:
        """The pack broke."""
        self._inner.failed(reason)


def rows_until(store: Store, records: Mapping[str, TrialRecord]) -> dict[str, pa.Table]:
    """What each run had logged when the checkpoint was made, by run id; left out where the store lacks some of it.

    Args:
        store: Has them under the attempt that the record names.
        records: The trials of the checkpoint.
    """
    logged = store.snapshot().logged(sorted(records))
    found: dict[str, pa.Table] = {}
    for run_id, record in records.items():
        # A held-out loss has the step count, a training loss the index of the step: tokens order them alike.
        chosen = (
            (pc.field("run_id") == run_id)
            & (pc.field("attempt") == record.attempt)
            & (pc.field("tokens_seen") <= record.tokens_seen)
        )
        rows = logged.filter(chosen)
        steps = rows.filter(pc.field("name") == "train_loss").column("step").to_pylist()
        if sorted(steps) == list(range(record.step)):
            found[run_id] = rows
    return found


def count_steps(store: Store, run_ids: Sequence[str], attempts: Mapping[str, int]) -> dict[str, int]:
    """Optimizer steps that these runs took in one attempt each, by run id."""
    logged = store.snapshot().logged(run_ids).filter(pc.field("name") == "train_loss")
    pairs = zip(logged.column("run_id").to_pylist(), logged.column("attempt").to_pylist(), strict=True)
    counted = Counter(run_id for run_id, attempt in pairs if attempt == attempts[run_id])
    return {run_id: counted[run_id] for run_id in run_ids}


def by_step(rows: pa.Table) -> list[tuple[int, dict[str, float]]]:
    """One run's rows as steps with their values, in the order in which they were logged; tokens with the training's."""
    steps: dict[tuple[int, int], dict[str, float]] = {}
    for row in rows.select(["tokens_seen", "step", "name", "value"]).to_pylist():
        values = steps.setdefault((row["tokens_seen"], row["step"]), {})
        values[row["name"]] = row["value"]
        if row["name"] == "train_loss":
            values["tokens_seen"] = row["tokens_seen"]
    return [(step, values) for (_, step), values in sorted(steps.items())]


def copy_rows(store: Store, rows: Mapping[str, pa.Table], attempts: Mapping[str, int]) -> None:
    """Writes rows again under the runs' new attempts, in one commit: attempts are never merged when they are read.

    Raises:
        StoreError: the store cannot be written.
    """
    tables = []
    for run_id, table in rows.items():
        field = table.schema.field("attempt")
        attempt = pa.array([attempts[run_id]] * len(table), field.type)
        tables.append(table.set_column(table.schema.get_field_index("attempt"), field, attempt))
    if tables:
        store.append(metrics=pa.concat_tables(tables))
