"""A sweep, from its specification to finished runs in a store."""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UcurveError
from analysis.store import RunRow, Store, StoreWriter, artifact_dir
from runner.data.dataset import Dataset
from runner.data.load import load_dataset
from runner.drafts.past import SPEC_KEY
from runner.evaluation.after_sweep import evaluate_sweep, sweep_benchmarks
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.outcome import EvaluationOutcome
from runner.run_rows import planned_row
from runner.spec import SweepSpec
from runner.spec.plan import Plan, SequenceStats, TrialPlan, make_plan
from runner.spec.trial import Trial
from runner.sweep_lock import sweep_lock
from runner.sweep_observer import SweepObserver
from runner.sweep_progress import ProgressView, SweepProgress
from runner.tracking.both import Both
from runner.tracking.wandb_mirror import FINISH_TIMEOUT_S, WandbMirror
from runner.tracking.wandb_runs import WandbRuns
from runner.training.base_model import ModelFolder, find_model, load_tokenizer
from runner.training.memory import PackLimits
from runner.training.session import TrainingSession, group_by_precision
from runner.training.tokenized import LossOn, TokenizedData, tokenize_dataset
from runner.training.trainer import STOPPED

_LOGGER = logging.getLogger(__name__)

COMPLETE = frozenset({"finished", "diverged"})
"""Statuses that a rerun leaves alone: the run came to the end that its configuration gives it."""


@dataclass(frozen=True)
class PreparedSweep:
    """A sweep whose model, data and plan are known, before anything is trained."""

    spec: SweepSpec
    folder: ModelFolder
    dataset: Dataset
    plan: Plan
    tokenized: Mapping[tuple[int, LossOn, int], TokenizedData]
    benchmarks: tuple[Benchmark, ...] = ()

    def data_of(self, plan: TrialPlan) -> TokenizedData:
        """The tokenised data of one trial."""
        return self.tokenized[_data_key(plan.trial)]

    def planned_rows(self) -> dict[str, RunRow]:
        """The row of every run before it starts, by run id."""
        facts = {"model_hidden_size": self.folder.hidden_size, "model_type": self.folder.model_type}
        return {
            p.trial.run_id: planned_row(
                p,
                sweep_id=self.spec.name,
                dataset=self.dataset,
                stats=self.data_of(p).stats(),
                tokenizer_id=self.folder.tokenizer_id,
                model_config=facts,
            )
            for p in self.plan.trials
        }


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


def prepare_sweep(spec: SweepSpec) -> PreparedSweep:
    """Finds the model, reads and tokenises the data, and plans every trial.

    Raises:
        UcurveError: The model, the data or the specification does not work, in one sentence.
    """
    folder = find_model(spec.model.id, spec.model.revision)
    dataset = load_dataset(spec.dataset)
    tokenizer = load_tokenizer(folder)
    trials = spec.trials(dataset, folder.facts)
    keys = dict.fromkeys(_data_key(trial) for trial in trials)
    tokenized = {
        key: tokenize_dataset(dataset, tokenizer, max_length=key[0], loss_on=key[1], n_evaluated=key[2]) for key in keys
    }
    stats: dict[tuple[int, LossOn, int], SequenceStats] = {key: data.stats() for key, data in tokenized.items()}
    plan = make_plan(spec.name, trials, lambda trial: stats[_data_key(trial)])
    return PreparedSweep(spec, folder, dataset, plan, tokenized, sweep_benchmarks(spec))


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
    process left behind (killed, stopped) are tried again from their start, as a new attempt.

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
    with sweep_lock(store.location, sweep.spec.name), StoreWriter(store) as writer:
        work = _SweepWork(sweep, store, writer, view, stop_runs)
        try:
            for group in group_by_precision(work.todo):
                if not should_stop():
                    work.train(group, should_stop)
        finally:
            work.close()
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


class _SweepWork:
    """The part of a sweep that the store does not have yet, while this process works on it."""

    def __init__(
        self,
        sweep: PreparedSweep,
        store: Store,
        writer: StoreWriter,
        view: ProgressView,
        stop_runs: Callable[[], frozenset[str]],
    ) -> None:
        self._sweep, self._store, self._writer, self._view, self._stop_runs = sweep, store, writer, view, stop_runs
        before = store.snapshot().run_rows([p.trial.run_id for p in sweep.plan.trials])
        open_ = [p for p in sweep.plan.trials if before.get(p.trial.run_id, {}).get("status") not in COMPLETE]
        self.todo = [p for p in open_ if p.trial.run_id not in stop_runs()]
        self._attempts = {p.trial.run_id: _next_attempt(before.get(p.trial.run_id)) for p in self.todo}
        self.training_s = 0.0
        self.progress = SweepProgress(
            sweep_id=sweep.spec.name,
            n_runs=len(sweep.plan.trials),
            total_tokens=sum(p.processed_tokens for p in self.todo),
            n_skipped=len(sweep.plan.trials) - len(open_),
        )
        self._rows = sweep.planned_rows()
        for plan in open_:
            if plan not in self.todo:
                self._leave_stopped(plan, before.get(plan.trial.run_id, {}))
        self._queue(before)
        self._mirror = self._start_mirror()

    def train(self, plans: Sequence[TrialPlan], should_stop: Callable[[], bool]) -> None:
        """Trains one group of plans over one loaded base model; a defect of ours fails the group, not the sweep."""
        spec = self._sweep.spec
        limits = PackLimits(n_slots=spec.pack, micro_batch_tokens=spec.micro_batch_tokens)
        session = TrainingSession(self._sweep.folder, plans, self._sweep.data_of, limits)
        self._view.say(_describe(session))
        self.progress.device = session.device_name
        store_observer = SweepObserver(
            self._writer,
            attempts=self._attempts,
            provenance=session.facts() | {SPEC_KEY: spec.model_dump(mode="json", exclude_unset=True)},
            device=session.device_name,
            adapters_in=self._store if spec.save_adapters else None,
            kept_steps={p.trial.run_id: spec.evaluate.part_steps(p.n_steps) for p in plans} if spec.evaluate else {},
            base_model=self._sweep.folder.model_id,
            progress=self.progress,
            view=self._view,
        )
        observer = store_observer if self._mirror is None else Both(store_observer, self._mirror)
        started = time.monotonic()
        try:
            session.train(observer, should_stop, lambda run_id, _step: run_id in self._stop_runs())
        except UcurveError as error:
            observer.failed(str(error))
            raise
        except Exception as error:
            _LOGGER.exception("training failed")
            self._keep_traceback()
            observer.failed(f"{type(error).__name__}: {error}")
        finally:
            self.training_s += time.monotonic() - started

    def close(self) -> None:
        """Runs that never got a slot are not going to: `stopped`. Then W&B may finish."""
        for plan in self.todo:
            if plan.trial.run_id not in self.progress.begun:
                self.progress.ended.append("stopped")
                self._writer.update_run(
                    {
                        "run_id": plan.trial.run_id,
                        "status": "stopped",
                        "status_reason": "the sweep ended before it began",
                    }
                )
        if self._mirror is not None:
            self._writer.flush()  # the store first: W&B may take its time
            self._mirror.close()

    def _start_mirror(self) -> WandbMirror | None:
        """The copy in W&B, where the sweep file asks for one."""
        track = self._sweep.spec.track
        if track is None or not self.todo:
            return None
        group = track.group or self._sweep.spec.name
        runs = WandbRuns(track, group, Path(self._store.location), FINISH_TIMEOUT_S)
        return WandbMirror(runs, rows=self._rows, attempts=self._attempts, say=self._view.say)

    def _leave_stopped(self, plan: TrialPlan, before: Mapping[str, object]) -> None:
        """A run that was stopped for good, be it before this process began, stays so."""
        self.progress.ended.append("stopped")
        if before.get("status") != "stopped":
            row = self._rows[plan.trial.run_id] if not before else {"run_id": plan.trial.run_id}
            self._writer.update_run({**row, "status": "stopped", "status_reason": STOPPED})

    def _queue(self, before: Mapping[str, Mapping[str, object]]) -> None:
        """Announces what will run; what a dead process left running is said to be lost first."""
        for plan in self.todo:
            run_id = plan.trial.run_id
            if before.get(run_id, {}).get("status") == "running":
                self._writer.update_run(
                    {"run_id": run_id, "status": "lost", "status_reason": "its process ended without a word"}
                )
        for plan in self.todo:
            self._writer.update_run({**self._rows[plan.trial.run_id], "attempt": self._attempts[plan.trial.run_id]})
        self._writer.flush()

    def _keep_traceback(self) -> None:
        for run_id in self.progress.running:
            folder = artifact_dir(self._store, run_id)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "error.log").write_text(traceback.format_exc(), encoding="utf-8")


def _next_attempt(before: Mapping[str, object] | None) -> int:
    """One more than the last, whatever became of it: a kill can leave metrics of a run that still says `queued`."""
    return 1 + int(str((before or {}).get("attempt") or 0))


def _data_key(trial: Trial) -> tuple[int, LossOn, int]:
    return trial.max_length, trial.loss_on, trial.evaluate_max_examples


def _describe(session: TrainingSession) -> str:
    pack = session.pack
    return (
        f"{session.device_name}, {str(session.dtype).removeprefix('torch.')}: {pack.n_slots} trials at once, "
        f"at most {pack.micro_batch_tokens} tokens a pass; about "
        f"{(pack.base_bytes + pack.n_slots * pack.adapter_bytes + pack.activation_bytes) / 2**30:.1f} GiB"
    )


def _compact(store: Store) -> None:
    """Many small files read slowly; that tidying up fails must not fail a sweep that is done."""
    try:
        store.compact()
    except UcurveError as error:
        _LOGGER.warning("the store was not compacted: %s", error)
