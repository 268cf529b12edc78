"""Scores the runs of a sweep on the benchmarks that its file names, once they are trained.

Adapters of earlier steps are kept on disk while training and scored with the final ones: all of them go through the
base model together, training stays as it is without benchmarks, and what an interruption leaves open is done later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from analysis.errors import UcurveError
from analysis.store import Store
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue import describe_excluded, load_benchmarks
from runner.evaluation.evaluate import evaluate
from runner.evaluation.outcome import EvaluationOutcome, LeftOut
from runner.evaluation.progress import ScoringView
from runner.evaluation.selection import Selection
from runner.evaluation.settings import Settings
from runner.evaluation.targets import Target, find_target
from runner.spec import SweepSpec
from runner.spec.evaluate import END

if TYPE_CHECKING:
    from runner.sweep import PreparedSweep


def sweep_benchmarks(spec: SweepSpec) -> tuple[Benchmark, ...]:
    """Returns the benchmarks that a sweep file names, none where it names none.

    Raises:
        ConfigError: a file is not there or is no benchmark.
    """
    if spec.evaluate is None:
        return ()
    settings = Settings(max_items=spec.evaluate.max_items)
    return tuple(settings.cut(benchmark) for benchmark in load_benchmarks(spec.evaluate.benchmarks))


def evaluate_sweep(
    sweep: PreparedSweep, store: Store, *, view: ScoringView, should_stop: Callable[[], bool]
) -> EvaluationOutcome | None:
    """Scores the finished runs of a sweep; None where its file names no benchmarks.

    Raises:
        UcurveError: as `evaluate`.
    """
    if sweep.spec.evaluate is None:
        return None
    for sentence in (one for benchmark in sweep.benchmarks for one in describe_excluded(benchmark)):
        view.say(sentence)
    targets: list[Target] = []
    left_out: list[LeftOut] = []
    for run_id, find in _wanted(sweep, store):
        try:
            targets.append(find())
        except UcurveError as error:
            left_out.append(LeftOut(run_id=run_id, reason=str(error)))
    return evaluate(
        store,
        Selection(targets, left_out, []),
        sweep.benchmarks,
        Settings(max_items=sweep.spec.evaluate.max_items),
        view=view,
        should_stop=should_stop,
        training_set=lambda _: sweep.dataset.train,
    )


def _wanted(sweep: PreparedSweep, store: Store) -> Iterator[tuple[str, Callable[[], Target]]]:
    """Every adapter that the sweep file asks for, of runs that came to their end, and how to find it."""
    section = sweep.spec.evaluate
    rows = store.snapshot().run_rows([plan.trial.run_id for plan in sweep.plan.trials])
    for plan in sweep.plan.trials:
        row = rows.get(plan.trial.run_id, {})
        if section is None or row.get("status") != "finished":
            continue
        steps: list[int | None] = [*section.part_steps(plan.n_steps), *([None] if END in section.at else [])]
        for step in steps:
            yield plan.trial.run_id, partial(find_target, store, row, step)
