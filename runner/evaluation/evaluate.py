"""Scores runs on benchmarks: all adapters over one base model in one pack, the base model itself always among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from analysis.store import Store
from runner.evaluation.benchmark import Benchmark, Score
from runner.evaluation.catalogue import EvaluationPlan, plan_requests, score_answers
from runner.evaluation.loading import Loaded, Loader, for_packs, load_pack
from runner.evaluation.outcome import EvaluationOutcome, read_scores
from runner.evaluation.progress import ScoringProgress, ScoringView
from runner.evaluation.records import Record, Scored, StoredScores, describe, write_scores
from runner.evaluation.selection import Selection
from runner.evaluation.settings import Settings
from runner.evaluation.targets import Target, base_target, by_base
from runner.evaluation.training_sets import Overlaps, TrainingSet, built_in_training_set
from runner.sweep_lock import evaluation_lock


class _Stopped(Exception):
    """The user does not want to wait for the end of this benchmark."""


def evaluate(
    store: Store,
    selection: Selection,
    benchmarks: Sequence[Benchmark],
    settings: Settings,
    *,
    view: ScoringView,
    should_stop: Callable[[], bool] = lambda: False,
    again: bool = False,
    training_set: TrainingSet = built_in_training_set,
    load: Loader = load_pack,
) -> EvaluationOutcome:
    """Scores what the store does not have yet, and the base model of every target.

    Each benchmark is stored as soon as it is done, so what an interruption leaves open is done by the next call.

    Args:
        store: Where the runs are and the scores go.
        selection: What to score.
        benchmarks: On which, in this order; already cut as the settings want them.
        settings: How they are asked.
        view: Hears how far it is.
        should_stop: Asked again and again; what is done stays.
        again: Score anew what the store has.
        training_set: What a target was trained on, to be looked through for the benchmarks' items.
        load: Brings base model and adapters into memory.

    Raises:
        UcurveError: model, adapters, memory or the store fail; what is done stays.
    """
    started = time.monotonic()
    groups = _with_bases(selection)
    everybody = [target for group in groups for target in group]
    outcome = EvaluationOutcome(n_runs=len(everybody), benchmarks=benchmarks, left_out=selection.left_out)
    with evaluation_lock(store.location, view.say, should_stop):
        todo = [_todo(store, group, benchmarks, settings, again=again) for group in groups]
        outcome.n_to_do = sum(len(waiting) for group in todo for waiting in group.values())
        outcome.n_skipped = len(everybody) * len(benchmarks) - outcome.n_to_do
        work = _Work(store, settings, outcome, view, should_stop, Overlaps(training_set))
        try:
            for group, waiting in zip(groups, todo, strict=True):
                work.score(group, waiting, benchmarks, load)
        except _Stopped:
            view.say("stopped; what is scored stays, the same command does the rest")
    outcome.scores = read_scores(store, everybody, benchmarks)
    outcome.wall_s = time.monotonic() - started
    return outcome


def count_to_do(
    store: Store, selection: Selection, benchmarks: Sequence[Benchmark], settings: Settings, *, again: bool
) -> EvaluationOutcome:
    """Returns what `evaluate` would do, as an outcome without scores."""
    groups = _with_bases(selection)
    todo = [_todo(store, group, benchmarks, settings, again=again) for group in groups]
    n_to_do = sum(len(waiting) for group in todo for waiting in group.values())
    n_runs = sum(map(len, groups))
    return EvaluationOutcome(
        n_runs=n_runs,
        benchmarks=benchmarks,
        n_skipped=n_runs * len(benchmarks) - n_to_do,
        n_to_do=n_to_do,
        left_out=selection.left_out,
    )


def _with_bases(selection: Selection) -> list[list[Target]]:
    """The targets over each base model, it being the first of them."""
    return [[base_target(members[0]), *members] for members in by_base(selection.targets).values()]


def _todo(
    store: Store, group: Sequence[Target], benchmarks: Sequence[Benchmark], settings: Settings, *, again: bool
) -> dict[str, set[str]]:
    """Slots that still have to be scored, by benchmark."""
    stored = StoredScores(store, group)
    return {
        benchmark.name: {target.slot for target in group if again or not stored.has(target, benchmark, settings)}
        for benchmark in benchmarks
    }


class _Work:
    """An evaluation under way."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        outcome: EvaluationOutcome,
        view: ScoringView,
        should_stop: Callable[[], bool],
        overlaps: Overlaps,
    ) -> None:
        self._store, self._settings, self._outcome = store, settings, outcome
        self._view, self._should_stop, self._overlaps = view, should_stop, overlaps

    def score(
        self, group: Sequence[Target], todo: Mapping[str, set[str]], benchmarks: Sequence[Benchmark], load: Loader
    ) -> None:
        """Scores the targets over one base model; nothing is loaded where nothing is to do."""
        if self._should_stop():
            raise _Stopped
        waiting = [target for target in group if any(target.slot in slots for slots in todo.values())]

        def use(pack: Sequence[Target], loaded: Loaded) -> None:
            self._view.say(f"{len(pack)} slots over {pack[0].base.model}, {loaded.facts.get('precision', '')}")
            for place, benchmark in enumerate(benchmarks, start=1):
                wanted = [target for target in pack if target.slot in todo[benchmark.name]]
                if wanted:
                    progress = ScoringProgress(benchmark.name, place, len(benchmarks), len(pack))
                    self._score_one(loaded, benchmark, wanted, progress)

        for_packs(waiting, partial(load, precision=self._settings.precision), self._view.say, use)

    def _score_one(
        self, loaded: Loaded, benchmark: Benchmark, wanted: Sequence[Target], progress: ScoringProgress
    ) -> None:
        plan = plan_requests(
            benchmark,
            loaded.tokenizer,
            loaded.engine.context_length,
            too_long=self._settings.too_long,
            normalisations=self._settings.normalisations,
            decoding=self._settings.decoding_of(benchmark),
        )
        self._say_cut(plan)
        scored = self._ask(loaded, plan, wanted, progress)
        write_scores(self._store, benchmark, scored)
        self._outcome.n_scored += len(scored)
        for one in scored:
            problem = one.scores[0].problem
            if problem:
                self._outcome.problems.append(f"{one.target.run_id} on {benchmark.name}: {problem}")
        self._view.say(f"{benchmark.name}: {len(scored)} scores stored, {time.monotonic() - progress.started:.0f} s")

    def _ask(
        self, loaded: Loaded, plan: EvaluationPlan, wanted: Sequence[Target], progress: ScoringProgress
    ) -> list[Scored]:
        def report(n_done: int, n_all: int) -> None:
            if self._should_stop():
                raise _Stopped
            progress.n_done, progress.n_all = n_done, n_all
            self._view.scoring(progress)

        if self._should_stop():
            raise _Stopped
        self._view.scoring(progress)
        engine = loaded.engine
        answers = (
            engine.log_likelihoods(plan.requests, report)
            if plan.decoding is None
            else engine.generate(plan.prompts, plan.decoding, report)
        )
        found = []
        for target in wanted:
            scores = score_answers(plan, answers, list(engine.slots).index(target.slot))
            record = self._record(target, plan, scores, loaded)
            found.append(Scored(target, scores, record, self._overlaps.of(target, plan.benchmark)))
        return found

    def _record(self, target: Target, plan: EvaluationPlan, scores: Sequence[Score], loaded: Loaded) -> Record:
        return describe(
            target,
            plan.benchmark,
            self._settings,
            scores,
            n_truncated=plan.n_truncated,
            n_refused=plan.n_refused,
            **loaded.facts,
        )

    def _say_cut(self, plan: EvaluationPlan) -> None:
        name, n_items = plan.benchmark.name, len(plan.benchmark.items)
        if plan.n_truncated:
            self._view.say(f"{name}: {plan.n_truncated} of {n_items} items are longer than the context and were cut")
        if plan.refused:
            reason = plan.refused[0].reason
            self._view.say(f"{name}: {plan.n_refused} of {n_items} items are not asked (the first: {reason})")
