"""Makes what a source logged fit the store's columns, and says what does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analysis.importers.config_rules import RunMap
from analysis.importers.result import RowProblem
from analysis.importers.sink.cells import Logged
from analysis.importers.source_run import SourceRun, SourceScore

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Storable:
    """What can be stored of a run.

    Attributes:
        logged: Its values.
        problems: What cannot be stored.
    """

    logged: Logged
    problems: tuple[RowProblem, ...]


def storable(run: SourceRun, run_map: RunMap) -> Storable:
    """What of a run fits the tables: names of 1 to 200 characters, steps from 0, attempts from 1."""
    problems: list[RowProblem] = []
    history, objects = (_fitting(table, problems) for table in (run.history, run.objects))
    scores = []
    for score in [*run.scores, *_scores_of(history, run_map)]:
        if all(0 < len(label) <= _LONGEST for label in (score.benchmark, score.metric)) and score.step >= 0:
            scores.append(score if isinstance(score.score, float) else replace(score, score=float(score.score)))
        else:
            problems.append(RowProblem(None, score.metric[:80], None, "a score without a usable name or step"))
    problems += _clashes(scores)
    return Storable(Logged(_without_odd_clocks(history), objects, scores), tuple(problems))


def place_of(score: SourceScore) -> tuple[int, str, str]:
    """Where in an attempt a score stands: a run has one there."""
    return score.step, score.benchmark, score.metric


def _clashes(scores: Sequence[SourceScore]) -> list[RowProblem]:
    """Scores that say another number for the same place, of which the last one counts."""
    last: dict[tuple[object, ...], SourceScore] = {}
    clashes = []
    for score in scores:
        before = last.setdefault((score.attempt, *place_of(score)), score)
        if before.score != score.score and not (math.isnan(before.score) and math.isnan(score.score)):
            reason = f"{score.benchmark} has two scores at step {score.step}; the last one counts"
            clashes.append(RowProblem(None, score.metric, str(before.score), reason))
    return clashes


def _fitting(table: pa.Table, problems: list[RowProblem]) -> pa.Table:
    if not len(table):
        return table
    names = table["name"]
    is_long = pc.is_in(names, value_set=_unusable(names)) if len(_unusable(names)) else None
    bad = pc.or_(pc.less(table["step"], 0), pc.less(table["attempt"], 1))
    bad = bad if is_long is None else pc.or_(bad, is_long)
    n_bad = pc.sum(bad).as_py()
    if not n_bad:
        return table
    first = str(names[pc.index(bad, True).as_py()].as_py())
    reason = f"{n_bad:,} values are not in: their name has not 1 to {_LONGEST} characters, or their step is below 0"
    problems.append(RowProblem(None, first[:80], None, reason))
    return table.filter(pc.invert(bad))


def _unusable(names: pa.ChunkedArray) -> pa.Array:
    different = [str(name) for name in pc.unique(names.unify_dictionaries()).to_pylist()]
    return pa.array([name for name in different if not 0 < len(name) <= _LONGEST], pa.string())


def _without_odd_clocks(history: pa.Table) -> pa.Table:
    """Times that are no finite number, and tokens below 0, as missing."""
    seconds, tokens = history["wall_time"], history["tokens_seen"]
    good = pc.if_else(pc.is_finite(seconds), seconds, pa.scalar(None, pa.float64()))
    counted = pc.if_else(pc.greater_equal(tokens, 0), tokens, pa.scalar(None, pa.int64()))
    history = history.set_column(history.schema.get_field_index("wall_time"), "wall_time", good)
    return history.set_column(history.schema.get_field_index("tokens_seen"), "tokens_seen", counted)


def _scores_of(history: pa.Table, run_map: RunMap) -> list[SourceScore]:
    """The last value of each metric that the map calls a benchmark's score."""
    scores = []
    for benchmark, metric in run_map.evals.items():
        rows = history.filter(pc.equal(history["name"].cast(pa.string()), metric))
        for attempt in sorted(pc.unique(rows["attempt"]).to_pylist()):
            one = rows.filter(pc.equal(rows["attempt"], attempt))
            last = one.take([pc.index(one["step"], pc.max(one["step"])).as_py()]).to_pylist()[0]
            scores.append(
                SourceScore(benchmark=benchmark, metric=metric, score=last["value"], step=last["step"], attempt=attempt)
            )
    return scores
