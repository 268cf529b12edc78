"""A sweep, from its specification to finished runs in a store."""

import errno
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from analysis.errors import StoreError, UcurveError
from analysis.store import Store, StoreWriter
from runner.errors import EnvironmentProblem
from runner.evaluation.after_sweep import evaluate_sweep
from runner.evaluation.outcome import EvaluationOutcome
from runner.sweep_lock import sweep_lock
from runner.sweep_prepare import COMPLETE, PreparedSweep, prepare_sweep
from runner.sweep_progress import ProgressView
from runner.sweep_work import SweepWork
from runner.training.session import group_by_precision

__all__ = ["COMPLETE", "PreparedSweep", "SweepOutcome", "prepare_sweep", "run_sweep"]

_NO_SPACE = os.strerror(errno.ENOSPC)
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutcome:
    """How a sweep ended. `counts` are the runs of this call by status; tokens are processed training tokens."""

    sweep_id: str
    n_runs: int
    n_skipped: int
    """Runs that the store had already."""
    counts: Counter[str]
    tokens: int
    training_s: float
    wall_s: float
    evaluation: EvaluationOutcome | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every run came to its end and was scored on the benchmarks that the sweep file names."""
        is_scored = self.evaluation is None or self.evaluation.is_complete
        return is_scored and sum(self.counts[s] for s in COMPLETE) + self.n_skipped == self.n_runs

    def to_json(self) -> dict[str, object]:
        """The keys of `ucurve sweep --json`."""
        return {
            "sweep_id": self.sweep_id,
            "n_runs": self.n_runs,
            "n_finished": self.counts["finished"],
            "n_diverged": self.counts["diverged"],
            "n_failed": self.counts["failed"],
            "n_stopped": self.counts["stopped"],
            "n_skipped": self.n_skipped,
            "tokens_per_s": self.tokens / self.training_s if self.training_s and self.tokens else None,
            "wall_s": self.wall_s,
            "evaluation": self.evaluation and self.evaluation.to_json(),
        }


def run_sweep(
    sweep: PreparedSweep,
    store: Store,
    *,
    view: ProgressView,
    should_stop: Callable[[], bool] = lambda: False,
    stop_runs: Callable[[], frozenset[str]] = frozenset,
) -> SweepOutcome:
    """Trains, and then scores on benchmarks, what the store does not have yet.

    A run is skipped when the store has it finished or diverged (identity: configuration and seed). Runs that an earlier
    process left behind (killed, stopped) go on from its newest checkpoint, as a new attempt that has the earlier one's
    rows up to there; without a checkpoint they begin anew.

    Args:
        sweep: What to train.
        store: Where the runs go.
        view: Hears how far it is.
        should_stop: Asked between two steps: whether to end here.
        stop_runs: Asked between two steps: ids of runs that are to stop, or not to begin, while the others go on.

    Raises:
        UcurveError: Another process runs this sweep, or memory or the store fail; what finished before stays.
    """
    started = time.monotonic()
    with sweep_lock(store.location, sweep.spec.name):
        work = _train(sweep, store, view, should_stop, stop_runs)
        evaluation = evaluate_sweep(sweep, store, view=view, should_stop=should_stop)
    _compact(store)
    return SweepOutcome(
        sweep_id=sweep.spec.name,
        n_runs=len(sweep.plan.trials),
        n_skipped=work.progress.n_skipped,
        counts=Counter(work.progress.ended),
        tokens=work.progress.done_tokens,
        training_s=work.training_s,
        wall_s=time.monotonic() - started,
        evaluation=evaluation,
    )


def _train(
    sweep: PreparedSweep,
    store: Store,
    view: ProgressView,
    should_stop: Callable[[], bool],
    stop_runs: Callable[[], frozenset[str]],
) -> SweepWork:
    try:
        with StoreWriter(store) as writer:
            work = SweepWork(sweep, store, writer, view, stop_runs)
            try:
                for group in group_by_precision(work.todo):
                    if not should_stop():
                        work.train(group, should_stop)
            finally:
                work.close()
    except StoreError as problem:
        full = "its disk is full: make room. " if _NO_SPACE in str(problem) else ""
        raise EnvironmentProblem(
            f"the store cannot be written: {full}What was stored stays, and the same command goes on from there "
            f"({problem})"
        ) from problem
    if not should_stop():
        work.forget_checkpoints()
    return work


def _compact(store: Store) -> None:
    """Many small files read slowly; that tidying up fails must not fail a sweep that is done."""
    try:
        store.compact()
    except UcurveError as error:
        _LOGGER.warning("the store was not compacted: %s", error)
