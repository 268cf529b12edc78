"""Scores runs on tasks of the harness: as `runner.evaluation.evaluate` does on our own benchmarks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from transformers import PreTrainedTokenizerBase

from analysis.importers.lm_eval.scores import HARNESS
from analysis.store import Store
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.harness.describe import describe_tasks
from runner.evaluation.harness.rows import rows_of
from runner.evaluation.harness.scoring import TaskScores, score_tasks
from runner.evaluation.harness.settings import HarnessSettings
from runner.evaluation.harness.tasks import TaskSet, load_tasks
from runner.evaluation.loading import Loaded, Loader, for_packs, load_pack
from runner.evaluation.outcome import EvaluationOutcome, read_scores
from runner.evaluation.progress import ScoringProgress, ScoringView
from runner.evaluation.records import Record, StoredScores, Written, measured, write_rows
from runner.evaluation.selection import Selection
from runner.evaluation.targets import Target, base_target, by_base, model_revision
from runner.sweep_lock import evaluation_lock
from runner.training.base_model import find_model, load_tokenizer


class _Stopped(Exception):
    """The user does not want to wait for the end of this task."""


def score_with_lm_eval(
    store: Store,
    selection: Selection,
    names: Sequence[str],
    settings: HarnessSettings,
    *,
    view: ScoringView,
    should_stop: Callable[[], bool] = lambda: False,
    again: bool = False,
    dry_run: bool = False,
    load: Loader = load_pack,
) -> EvaluationOutcome:
    """Scores what the store does not have yet, and the base model of every target.

    What a name stands for is stored as soon as it is done, so what an interruption leaves open is done by the next
    call.

    Args:
        store: Where the runs are and the scores go.
        selection: What to score.
        names: Tasks, groups and tags of the harness, or of the user's own task files.
        settings: How they are asked.
        view: Hears how far it is.
        should_stop: Asked again and again; what is done stays.
        again: Score anew what the store has.
        dry_run: Only find what is to do.
        load: Brings base model and adapters into memory.

    Raises:
        UcurveError: the harness, a task, model, adapters, memory or the store fail; what is done stays.
    """
    started = time.monotonic()
    outcome = EvaluationOutcome(left_out=selection.left_out)
    tasks = load_tasks(names, settings)
    with evaluation_lock(store.location, view.say, should_stop):
        try:
            for members in by_base(selection.targets).values():
                group = _Group(store, [base_target(members[0]), *members], tasks, settings, again=again)
                group.count(outcome)
                if not dry_run:
                    for_packs(
                        group.waiting,
                        partial(load, precision=settings.precision),
                        view.say,
                        partial(group.score, outcome=outcome, view=view, should_stop=should_stop),
                    )
                outcome.scores += read_scores(store, group.targets, group.benchmarks, HARNESS)
        except _Stopped:
            view.say("stopped; what is scored stays, the same command does the rest")
    outcome.wall_s = time.monotonic() - started
    return outcome


class _Group:
    """The targets over one base model, and what of the tasks they still have to be asked."""

    def __init__(
        self,
        store: Store,
        targets: Sequence[Target],
        tasks: Mapping[str, TaskSet],
        settings: HarnessSettings,
        *,
        again: bool,
    ) -> None:
        self.targets = targets
        self._store, self._tasks, self._settings = store, tasks, settings
        folder = find_model(targets[0].model_id, model_revision(targets[0]))
        self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(folder)
        self._described = {name: describe_tasks(one, self._tokenizer, settings) for name, one in tasks.items()}
        stored = StoredScores(store, targets)
        self._todo = {
            (name, target.slot): again
            or not all(
                stored.has_record(measured(target, one), self._asked(name, one.name)) for one in described.values()
            )
            for name, described in self._described.items()
            for target in targets
        }

    @property
    def benchmarks(self) -> list[Benchmark]:
        """All tasks, once each."""
        return list({one.name: one for described in self._described.values() for one in described.values()}.values())

    @property
    def waiting(self) -> list[Target]:
        """Targets for which something is to do."""
        return [one for one in self.targets if any(self._todo[name, one.slot] for name in self._tasks)]

    def count(self, outcome: EvaluationOutcome) -> None:
        """Adds what is to do, and what is there."""
        n_to_do = sum(len(self._described[name]) for (name, _), todo in self._todo.items() if todo)
        n_all = len(self.targets) * sum(map(len, self._described.values()))
        outcome.n_runs += len(self.targets)
        outcome.n_to_do += n_to_do
        outcome.n_skipped += n_all - n_to_do
        outcome.benchmarks = outcome.benchmarks or self.benchmarks

    def score(
        self,
        pack: Sequence[Target],
        loaded: Loaded,
        *,
        outcome: EvaluationOutcome,
        view: ScoringView,
        should_stop: Callable[[], bool],
    ) -> None:
        """Asks a pack what any of it still has to be asked, name by name."""
        view.say(f"{len(pack)} slots over {pack[0].base.model}, {loaded.facts.get('precision', '')}")
        for place, (name, tasks) in enumerate(self._tasks.items(), start=1):
            wanted = [target for target in pack if self._todo[name, target.slot]]
            if not wanted:
                continue
            progress = ScoringProgress(name, place, len(self._tasks), len(pack))
            report = partial(_report, progress=progress, view=view, should_stop=should_stop)
            report(0, 0)
            found = score_tasks(loaded.engine, self._tokenizer, name, tasks, self._settings, report)
            by_slot = dict(zip(loaded.engine.slots, found, strict=True))
            rows = (self._rows(target, name, by_slot[target.slot], loaded.facts) for target in wanted)
            write_rows(self._store, [one for several in rows for one in several])
            outcome.n_scored += len(wanted) * len(self._described[name])
            outcome.problems += [
                f"{target.run_id} on {task}: {problem}"
                for target in wanted
                for task, problem in by_slot[target.slot].problems.items()
            ]
            view.say(f"{name}: {len(wanted)} scores stored, {time.monotonic() - progress.started:.0f} s")

    def _rows(self, target: Target, name: str, found: TaskScores, facts: Record) -> list[Written]:
        described = list(self._described[name].values())
        return rows_of(
            target,
            described,
            found,
            {
                one.name: {"settings": self._asked(name, one.name), "limit": self._settings.limit, **facts}
                for one in described
            },
        )

    def _asked(self, name: str, task: str) -> Record:
        """All that changes a task's score beside its items."""
        writes = self._tasks[name]["tasks"][task].get_config("generation_kwargs")
        decoding = json.loads(json.dumps(writes, default=str)) if writes else None
        return {**self._settings.record(), **({"decoding": decoding} if decoding else {})}


def _report(
    n_done: int, n_all: int, *, progress: ScoringProgress, view: ScoringView, should_stop: Callable[[], bool]
) -> None:
    if should_stop():
        raise _Stopped
    progress.n_done, progress.n_all = n_done, n_all
    view.scoring(progress)
