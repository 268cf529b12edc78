"""Whatever a run's places tell, in whatever order: the same again adds nothing, and nothing stored ever changes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.importers.config_rules import NO_MAP
from analysis.importers.sink.cells import Logged
from analysis.importers.sink.clean import storable
from analysis.importers.sink.identity import Index
from analysis.importers.sink.origins import NOTED_UNDER, read_origins
from analysis.importers.sink.plan import Plan, Stored, plan_run
from analysis.importers.source_run import SourceScore
from analysis.importers.table.stored import parse_object
from analysis.store import EvalRow
from analysis.store.schema import METRICS, OBJECTS, arrow_schema
from tests.analysis.importers.scripted import run_of

ATTEMPTS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from([0.0, 1.0])), min_size=1, max_size=4),
    max_size=2,
)
TELLINGS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["x", "y", "z"]),
        "marks": st.sampled_from([[], ["m"], ["m", "n"]]),
        "attempts": ATTEMPTS.map(lambda attempts: [[list(point) for point in points] for points in attempts]),
        "verdict": st.sampled_from(["complete", "partial", "unverified"]),
        "status": st.sampled_from(["running", "finished"]),
        "tags": st.sampled_from([[], ["s"], ["t"]]),
        "scores": st.lists(st.sampled_from([0.1, 0.2]), max_size=1).map(
            lambda scores: [{"benchmark": "arc", "metric": "acc", "score": score} for score in scores]
        ),
    }
)
_EMPTY = Logged(arrow_schema(METRICS).empty_table(), arrow_schema(OBJECTS).empty_table(), ())


class Shelf:
    """A store in memory: what `plan_run` says is appended."""

    def __init__(self) -> None:
        self.runs: dict[str, Stored] = {}

    def take(self, telling: dict[str, Any]) -> Plan:
        """Imports one telling of a run."""
        run, index = run_of(telling), self._index()
        run_id = index.run_id_of(run)
        before = self.runs.get(run_id, Stored({}, _EMPTY))
        plan = plan_run(run_id, run, storable(run, NO_MAP), before, NO_MAP)
        logged = before.logged
        metrics = [logged.metrics, *([] if plan.metrics is None else [plan.metrics.cast(arrow_schema(METRICS))])]
        scores = [*logged.scores, *map(_score, plan.evals)]
        after = Logged(pa.concat_tables(metrics), logged.objects, scores)
        self.runs[run_id] = Stored(plan.row or before.row, after)
        return plan

    def _index(self) -> Index:
        index = Index()
        for run_id, stored in self.runs.items():
            origins = read_origins(parse_object(stored.row["provenance_json"])[NOTED_UNDER])
            assert origins is not None
            index.note(run_id, origins)
        return index


def _score(row: EvalRow) -> SourceScore:
    return SourceScore(benchmark=row.benchmark, metric=row.metric, score=row.score, step=row.step, attempt=row.attempt)


def adds(plan: Plan) -> bool:
    return not (plan.metrics is None and plan.objects is None and plan.row is None and not plan.evals)


@given(st.lists(TELLINGS, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_the_same_again_adds_nothing_and_no_place_is_written_twice(tellings: list[dict[str, Any]]) -> None:
    shelf = Shelf()
    for telling in tellings:
        shelf.take(telling)
        assert not adds(shelf.take(telling))
    for stored in shelf.runs.values():
        places = [tuple(row[name] for name in ("attempt", "step", "name")) for row in stored.logged.metrics.to_pylist()]
        assert len(set(places)) == len(places)
        scores = [(score.attempt, score.step, score.benchmark) for score in stored.logged.scores]
        assert len(set(scores)) == len(scores)


@given(st.lists(TELLINGS, min_size=1, max_size=4, unique_by=lambda telling: telling["id"]))
@settings(max_examples=100, deadline=None)
def test_an_import_of_several_places_comes_to_rest(tellings: list[dict[str, Any]]) -> None:
    """At the latest the third round of the same places adds nothing: by then each knows of the others."""
    shelf = Shelf()
    for _ in range(2):
        for telling in tellings:
            shelf.take(telling)
    assert not any(adds(shelf.take(telling)) for telling in tellings)


@given(TELLINGS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_run_that_grows_stays_one_attempt(telling: dict[str, Any], n_shown: int) -> None:
    points = [[step, "a", float(step)] for step in range(4)]
    shelf = Shelf()
    shelf.take(telling | {"attempts": [points[:n_shown]], "verdict": "unverified", "scores": []})
    plan = shelf.take(telling | {"attempts": [points], "scores": []})
    assert plan.state == "extended"
    assert plan.metrics is not None
    assert plan.metrics["step"].to_pylist() == list(range(n_shown, 4))
    assert set(plan.metrics["attempt"].to_pylist()) == {1}
