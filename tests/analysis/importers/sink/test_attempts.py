"""Attempts of a source against attempts of the store, compared with the same rules written as plain loops."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.importers.sink.attempts import merge
from analysis.importers.sink.cells import Logged
from analysis.importers.source_run import OBJECTS_SCHEMA, SourceScore
from tests.analysis.importers.scripted import history

Content = dict[int, dict[tuple[str, int, str], Any]]
"""Attempt -> (kind, step, name) -> value."""

NUMBERS = st.sampled_from([0.0, 1.0, math.nan, math.inf])
PLACES = st.tuples(st.sampled_from(["metric", "object", "score"]), st.integers(0, 3), st.sampled_from(["a", "b"]))
ATTEMPT = st.dictionaries(PLACES, NUMBERS, min_size=1, max_size=6)
CONTENTS = st.lists(ATTEMPT, max_size=4).map(lambda attempts: dict(enumerate(attempts, start=1)))


def logged(content: Content) -> Logged:
    """The content as tables; an object's text is its number."""
    metrics: list[list[list[Any]]] = []
    objects: list[dict[str, object]] = []
    scores: list[SourceScore] = []
    for attempt in range(1, max(content, default=0) + 1):
        metrics.append([])
        for (kind, step, name), value in content.get(attempt, {}).items():
            if kind == "metric":
                metrics[-1].append([step, name, value])
            elif kind == "object":
                objects.append({"attempt": attempt, "step": step, "name": name, "json": repr(value)})
            else:
                scores.append(SourceScore(benchmark=name, metric="m", score=value, step=step, attempt=attempt))
    return Logged(history(metrics), pa.Table.from_pylist(objects, schema=OBJECTS_SCHEMA), scores)


def added(content: Content, stored: Content) -> Content:
    """The stored content after the merge, told by its result."""
    source = logged(content)
    merged = merge(source, logged(stored))
    places = [("metric", row["attempt"], row["step"], row["name"], row["value"]) for row in source.metrics.to_pylist()]
    places += [("object", row["attempt"], row["step"], row["name"], row["json"]) for row in source.objects.to_pylist()]
    places += [("score", s.attempt, s.step, s.benchmark, s.score) for s in source.scores]
    after = {attempt: dict(cells) for attempt, cells in stored.items()}
    for row, attempt in zip(merged.rows.tolist(), merged.attempts.tolist(), strict=True):
        kind, _, step, name, value = places[row]
        cells = after.setdefault(attempt, {})
        assert (kind, step, name) not in cells, "a value is added where there is one"
        cells[kind, step, name] = float(value)
    return after


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def by_hand(content: Content, stored: Content) -> tuple[Content, int | None]:
    """What the docstring of `merge` says, one value at a time."""
    after = {attempt: dict(cells) for attempt, cells in stored.items()}
    last = 0
    for _, cells in sorted(content.items()):
        fitting = [
            number
            for number, there in sorted(stored.items())
            if number > last
            and cells.keys() & there.keys()
            and all(same(there[place], cells[place]) for place in cells.keys() & there.keys())
        ]
        last = fitting[0] if fitting else max([0, last, *stored]) + 1
        after[last] = cells | after.get(last, {})
    return after, last or None


@given(content=CONTENTS, stored=CONTENTS)
@settings(max_examples=150, deadline=None)
def test_the_arrays_do_what_the_loops_do(content: Content, stored: Content) -> None:
    expected, last = by_hand(content, stored)
    assert repr(_ordered(added(content, stored))) == repr(_ordered(expected))
    assert merge(logged(content), logged(stored)).last == last


@given(content=CONTENTS, stored=CONTENTS)
@settings(max_examples=100, deadline=None)
def test_the_same_again_adds_nothing(content: Content, stored: Content) -> None:
    once = added(content, stored)
    again = merge(logged(content), logged(once))
    assert len(again.rows) == 0
    assert not again.is_contradicted
    assert again.last == merge(logged(content), logged(stored)).last


@given(content=CONTENTS, stored=CONTENTS)
@settings(max_examples=60, deadline=None)
def test_nothing_stored_changes_and_nothing_of_the_source_is_lost(content: Content, stored: Content) -> None:
    after = added(content, stored)
    for attempt, cells in stored.items():
        assert all(same(after[attempt][place], value) for place, value in cells.items())
    for cells in content.values():
        assert any(
            all(place in there and same(there[place], value) for place, value in cells.items())
            for there in after.values()
        )


@given(whole=CONTENTS, n_shown=st.integers(0, 24))
@settings(max_examples=60, deadline=None)
def test_what_a_killed_import_left_is_completed(whole: Content, n_shown: int) -> None:
    """Metrics are committed before objects and scores; then the attempt stays the one that was begun."""
    metrics_only = {
        attempt: {place: value for place, value in cells.items() if place[0] == "metric"}
        for attempt, cells in whole.items()
    }
    partly = dict(list(whole.items())[:n_shown])
    left = {attempt: cells for attempt, cells in (metrics_only | partly).items() if cells}
    if left.keys() != whole.keys():
        return  # an attempt without metrics cannot be told from one that was never begun
    assert repr(_ordered(added(whole, left))) == repr(_ordered(by_hand(whole, left)[0]))


def test_a_growing_attempt_is_extended_and_a_resumed_one_follows() -> None:
    stored: Content = {1: {("metric", 0, "a"): 1.0}}
    grown = {1: {("metric", 0, "a"): 1.0, ("metric", 1, "a"): 2.0}, 2: {("metric", 1, "a"): 3.0}}
    assert added(grown, stored) == grown


def test_of_several_values_for_one_place_the_last_one_counts() -> None:
    source = Logged(history([[[0, "a", 1.0], [0, "a", 2.0]]]), OBJECTS_SCHEMA.empty_table(), ())
    merged = merge(source, logged({}))
    assert merged.rows.tolist() == [1]
    assert merge(source, logged({1: {("metric", 0, "a"): 2.0}})).rows.tolist() == []
    assert merge(source, logged({1: {("metric", 0, "a"): 1.0}})).is_contradicted


def test_huge_steps_and_many_names_do_not_collide() -> None:
    cells = {("metric", step, f"n{name}"): float(step + name) for step in (0, 2**62, 2**63 - 1) for name in range(50)}
    assert added({1: cells}, {1: dict(list(cells.items())[:70])}) == {1: cells}


def _ordered(content: Content) -> list[object]:
    return [
        (attempt, sorted((place, float(value)) for place, value in cells.items()))
        for attempt, cells in sorted(content.items())
    ]
