"""The runs of a sweep in its store: which are there already, which are to be tried, and as which attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analysis.store import Store, StoreWriter
from runner.spec.plan import TrialPlan
from runner.sweep_prepare import COMPLETE, PreparedSweep
from runner.sweep_replay import count_steps
from runner.sweep_resume import RunsBefore
from runner.training.trainer import STOPPED


class SweepRuns:
    """What the store has of a sweep's runs when a process begins, and what this process will do.

    Args:
        sweep: The sweep.
        store: The store.
        stop_runs: Ids of the runs that the user stopped one by one.

    Attributes:
        todo: Runs to train, in their order.
        stopped: Runs that are not complete, and stay so because the user stopped them.
        n_skipped: Runs that are complete.
        attempts: Which try of each run is the present one, by run id.
        planned: The row of each run before it starts, by run id.
    """

    def __init__(self, sweep: PreparedSweep, store: Store, stop_runs: Callable[[], frozenset[str]]) -> None:
        self._store = store
        self._before = store.snapshot().run_rows([p.trial.run_id for p in sweep.plan.trials])
        is_open = [p for p in sweep.plan.trials if self._row(p).get("status") not in COMPLETE]
        stopped = stop_runs()
        self.todo = [p for p in is_open if p.trial.run_id not in stopped]
        self.stopped = [p for p in is_open if p.trial.run_id in stopped]
        self.n_skipped = len(sweep.plan.trials) - len(is_open)
        self.attempts = {run_id: int(str(row.get("attempt") or 0)) for run_id, row in self._before.items()}
        # One more than the last, whatever became of it: a kill can leave metrics of a run that still says `queued`.
        self.attempts |= {p.trial.run_id: 1 + self.attempts.get(p.trial.run_id, 0) for p in self.todo}
        self.planned = sweep.planned_rows()

    def announce(self, writer: StoreWriter) -> None:
        """Queues what will run; what a dead process left running is said to be lost first, what was stopped stopped."""
        for plan in self.stopped:
            if self._row(plan).get("status") != "stopped":
                row = {"run_id": plan.trial.run_id} if self._row(plan) else self.planned[plan.trial.run_id]
                writer.update_run({**row, "status": "stopped", "status_reason": STOPPED})
        for plan in self.todo:
            if self._row(plan).get("status") == "running":
                lost = {"status": "lost", "status_reason": "its process ended without a word"}
                writer.update_run({"run_id": plan.trial.run_id, **lost})
        for plan in self.todo:
            run_id = plan.trial.run_id
            writer.update_run({**self.planned[run_id], "attempt": self.attempts[run_id]})
        writer.flush()

    def before(self) -> RunsBefore:
        """What the store had, with the steps of the runs that were stopped one by one."""
        stopped = [p.trial.run_id for p in self.stopped if self._row(p).get("status") == "stopped"]
        return RunsBefore(rows=self._before, steps=count_steps(self._store, stopped, self.attempts))

    def _row(self, plan: TrialPlan) -> Mapping[str, object]:
        return self._before.get(plan.trial.run_id, {})
