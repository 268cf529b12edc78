"""Scores of the harness as rows of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from analysis.importers.lm_eval.scores import HARNESS
from analysis.importers.source_run import SourceScore
from analysis.store import EvalItemRow, EvalRow, Measured
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.harness.scoring import GROUP_MARK, TaskScores
from runner.evaluation.records import Record, Written, measured
from runner.evaluation.targets import Target


def rows_of(
    target: Target, benchmarks: Sequence[Benchmark], found: TaskScores, facts: Mapping[str, Record]
) -> list[Written]:
    """Returns what one target got on the tasks behind a name: one for each task.

    Means over the tasks of a group go with the first of them.

    Args:
        target: Who was asked.
        benchmarks: The tasks.
        found: Their scores.
        facts: By task, what else is recorded: how it was asked.
    """
    written = []
    for place, benchmark in enumerate(benchmarks):
        mine = [
            score
            for score in found.scores
            if score.benchmark == benchmark.name or (place == 0 and score.benchmark.endswith(GROUP_MARK))
        ]
        keys = dict.fromkeys([measured(target, benchmark), *(_key(target, score) for score in mine)])
        record = {
            "attempt": target.attempt,
            "step": target.step,
            "items_digest": benchmark.digest,
            "n_items": len(benchmark.items),
            "problem": found.problems.get(benchmark.name, ""),
            "harness": HARNESS,
            "harness_version": next((score.harness_version for score in mine), None),
            "evaluated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **facts[benchmark.name],
        }
        evals = [_eval_row(target, score) for score in mine]
        items = [row for score in mine for row in _item_rows(target, score, found)]
        written.append(Written(target, tuple(keys), evals, items, record))
    return written


def _eval_row(target: Target, score: SourceScore) -> EvalRow:
    place = {"run_id": target.run_id, "attempt": target.attempt, "step": target.step}
    return EvalRow(**{**asdict(score), **place})


def _item_rows(target: Target, score: SourceScore, found: TaskScores) -> list[EvalItemRow]:
    key = _key(target, score)
    return [
        EvalItemRow(*key[:4], score.metric, item_id, key.items_digest, value)
        for item_id, value in found.items.get((score.benchmark, score.metric), ())
    ]


def _key(target: Target, score: SourceScore) -> Measured:
    return Measured(target.run_id, target.attempt, target.step, score.benchmark, str(score.items_digest))
