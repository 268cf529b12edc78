"""The part of a sweep that the store does not have yet, while a process works on it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.errors import UcurveError
from analysis.importers.redaction import Redactor
from analysis.recipes.config_keys import SPEC_KEY
from analysis.store import Store, StoreWriter, artifact_dir
from analysis.wording.plain import count_text
from runner.spec.plan import TrialPlan
from runner.sweep_observer import SweepObserver
from runner.sweep_prepare import PreparedSweep
from runner.sweep_progress import ProgressView, SweepProgress
from runner.sweep_replay import Muted, SweepListener, by_step, copy_rows, rows_until
from runner.sweep_resume import Course, checkpoint_shelf, find_course
from runner.sweep_runs import SweepRuns
from runner.tracking.both import Both
from runner.tracking.wandb_mirror import FINISH_TIMEOUT_S, WandbMirror
from runner.tracking.wandb_runs import WandbRuns
from runner.training.checkpointing import Checkpointer, PackFacts
from runner.training.hardware import explained_out_of_memory, is_out_of_memory
from runner.training.session import TrainingSession, here
from runner.training.trainer import UNGUIDED, Guidance

_LOGGER = logging.getLogger(__name__)


class SweepWork:
    """Trains what is left of a sweep, one group of trials over one base model after the other.

    Args:
        sweep: The whole sweep.
        store: Where its runs are.
        writer: Where metrics and states go.
        view: Hears how far it is.
        stop_runs: Ids of the runs that are to stop, or not to begin.
    """

    def __init__(
        self,
        sweep: PreparedSweep,
        store: Store,
        writer: StoreWriter,
        view: ProgressView,
        stop_runs: Callable[[], frozenset[str]],
    ) -> None:
        self._sweep, self._store, self._writer, self._view, self._stop_runs = sweep, store, writer, view, stop_runs
        self._runs = SweepRuns(sweep, store, stop_runs)
        self.todo = self._runs.todo
        self.training_s = 0.0
        self.progress = SweepProgress(
            sweep_id=sweep.spec.name,
            n_runs=len(sweep.plan.trials),
            total_tokens=sum(p.processed_tokens for p in self.todo),
            n_skipped=self._runs.n_skipped,
            ended=["stopped"] * len(self._runs.stopped),
        )
        self._shelf = checkpoint_shelf(store, sweep.spec.name)
        self._runs.announce(writer)
        self._mirror = self._start_mirror()

    def train(self, plans: Sequence[TrialPlan], should_stop: Callable[[], bool]) -> None:
        """Trains one group of plans over one loaded base model; a defect of ours fails the group, not the sweep."""
        course = self._find_course(plans)
        with explained_out_of_memory():
            session = TrainingSession(self._sweep.folder, course.plans, self._sweep.data_of, course.limits)
        self._view.say(_describe(session))
        self.progress.device = session.device_name
        observer = self._observer(session, course)
        guidance = Guidance(
            should_stop=should_stop,
            leaves=self._leaving(course),
            between_steps=self._checkpointer(session, course) or UNGUIDED.between_steps,
        )
        started = time.monotonic()
        try:
            session.train(observer, guidance, course.saved)
        except UcurveError as error:
            observer.failed(str(error))
            raise
        except Exception as error:  # whatever breaks the pack must not leave its runs `running`
            if is_out_of_memory(error):
                observer.failed("out of memory")
                with explained_out_of_memory():
                    raise
            _LOGGER.exception("training failed")
            self._keep_traceback()
            observer.failed(f"{type(error).__name__}: {error}")
        finally:
            self.training_s += time.monotonic() - started

    def close(self) -> None:
        """Runs that never got a slot are not going to: `stopped`. Then W&B may finish."""
        never = {"status": "stopped", "status_reason": "the sweep ended before it began"}
        for plan in self.todo:
            if plan.trial.run_id not in self.progress.begun:
                self.progress.ended.append("stopped")
                self._writer.update_run({"run_id": plan.trial.run_id, **never})
        if self._mirror is not None:
            self._writer.flush()  # the store first: W&B may take its time
            self._mirror.close()

    def forget_checkpoints(self) -> None:
        """Nothing will go on from them: every run ended, and none because the pack broke."""
        if "failed" not in self.progress.ended:
            self._shelf.clear()

    def _find_course(self, plans: Sequence[TrialPlan]) -> Course:
        """Where the trials go on from; what they had logged until then is theirs again, in their new attempts."""
        environment = here(plans)
        course = find_course(self._sweep, plans, self._runs.before(), self._shelf, environment, self._view.say)
        if course.resumed_from is None:
            return course
        rows = rows_until(self._store, course.records)
        lost = frozenset(course.records) - frozenset(rows)
        if lost:
            self._view.say(f"the store lacks what {len(lost)} runs of the checkpoint had logged: these begin anew")
        copy_rows(self._store, rows, self._runs.attempts)
        if self._mirror is not None:
            for run_id, table in rows.items():
                self._mirror.logged_before(run_id, by_step(table))
        course = course.from_the_start(lost)
        self._say_resumed(course)
        return course

    def _say_resumed(self, course: Course) -> None:
        tokens = {p.trial.run_id: p.processed_tokens / p.n_steps for p in self.todo}
        self.progress.total_tokens -= sum(round(r.step * tokens[run_id]) for run_id, r in course.records.items())
        self.progress.resumed_from, self.progress.checkpoint_at = course.resumed_from, course.made_at
        self._view.say(f"going on from {course.resumed_from}")
        if course.differences:
            why = "; ".join(course.differences)
            self._view.say(f"the last digits may differ from an uninterrupted sweep's: {why}")
        elif course.silent:
            self._view.say(f"{len(course.silent)} runs that ended after it are computed again beside the others")

    def _leaving(self, course: Course) -> Callable[[str, int], bool]:
        def leaves(run_id: str, step: int) -> bool:
            if run_id in course.silent:
                return step >= course.leave_at.get(run_id, step + 1)
            return run_id in self._stop_runs()

        return leaves

    def _observer(self, session: TrainingSession, course: Course) -> SweepListener:
        spec = self._sweep.spec
        store_observer = SweepObserver(
            self._writer,
            attempts=self._runs.attempts,
            provenance=self._provenance(session, course),
            device=session.device_name,
            adapters_in=self._store if spec.save_adapters else None,
            kept_steps={p.trial.run_id: spec.evaluate.part_steps(p.n_steps) for p in self.todo}
            if spec.evaluate
            else {},
            base_model=self._sweep.folder.model_id,
            halved_to=course.limits.micro_batch_tokens if course.planned_micro_batch_tokens else None,
            progress=self.progress,
            view=self._view,
        )
        observer: SweepListener = store_observer if self._mirror is None else Both(store_observer, self._mirror)
        return Muted(observer, course.silent) if course.silent else observer

    def _provenance(self, session: TrainingSession, course: Course) -> dict[str, object]:
        spec = self._sweep.spec.model_dump(mode="json", exclude_unset=True)
        facts = session.facts() | {SPEC_KEY: Redactor.from_environment().clean(spec)}
        if course.resumed_from is None:
            return facts
        return facts | {"resumed": {"from": course.resumed_from, "differences": list(course.differences)}}

    def _checkpointer(self, session: TrainingSession, course: Course) -> Checkpointer | None:
        cadence = self._sweep.spec.checkpoint
        if cadence is None:
            return None
        limits = self._sweep.limits
        facts = PackFacts(
            sweep_id=self._sweep.spec.name,
            run_ids=tuple(p.trial.run_id for p in self._sweep.plan.trials),
            attempts=self._runs.attempts,
            planned_micro_batch_tokens=course.planned_micro_batch_tokens or session.pack.micro_batch_tokens,
            asked=(limits.n_slots, limits.micro_batch_tokens),
            environment=here(session.plans),
        )
        return Checkpointer(
            self._shelf,
            cadence,
            facts,
            flush=self._writer.flush,
            published=self._checkpoint_published,
            say=self._view.say,
        )

    def _checkpoint_published(self, made_at: float) -> None:
        self.progress.checkpoint_at = made_at

    def _start_mirror(self) -> WandbMirror | None:
        """The copy in W&B, where the sweep file asks for one."""
        track = self._sweep.spec.track
        if track is None or not self.todo:
            return None
        group = track.group or self._sweep.spec.name
        runs = WandbRuns(track, group, Path(self._store.location), FINISH_TIMEOUT_S)
        return WandbMirror(runs, rows=self._runs.planned, attempts=self._runs.attempts, say=self._view.say)

    def _keep_traceback(self) -> None:
        for run_id in self.progress.running:
            folder = artifact_dir(self._store, run_id)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "error.log").write_text(traceback.format_exc(), encoding="utf-8")


def _describe(session: TrainingSession) -> str:
    pack = session.pack
    return (
        f"{session.device_name}, {str(session.dtype).removeprefix('torch.')}: "
        f"{count_text(pack.n_slots, 'trial')} at once, at most {pack.micro_batch_tokens} tokens a pass; about "
        f"{(pack.base_bytes + pack.n_slots * pack.adapter_bytes + pack.activation_bytes) / 2**30:.1f} GiB"
    )
