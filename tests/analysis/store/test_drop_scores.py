"""Scores make room for those that are measured anew; everything else stays."""

import pytest

from analysis.store import EvalItemRow, EvalRow, Measured, Store

NAMES = ("sums", "o'clock", "x' OR 'a' = 'a")


@pytest.fixture
def filled(store: Store) -> Store:
    keys = [(run, step, name, digest) for run in "ab" for step in (5, 9) for name in NAMES for digest in ("d", "e")]
    store.append(
        runs=[{"run_id": run, "status": "finished", "attempt": 1} for run in "ab"],
        evals=[EvalRow(run, 1, step, name, "acc", 0.5, items_digest=digest) for run, step, name, digest in keys],
        eval_items=[EvalItemRow(run, 1, step, name, "acc", "i", digest, 1.0) for run, step, name, digest in keys],
    )
    return store


@pytest.mark.parametrize("name", NAMES)
def test_exactly_what_is_named_goes_with_its_items(filled: Store, name: str) -> None:
    gone = [Measured("a", 1, 9, name, "d"), Measured("b", 1, 5, name, "e")]
    before = {_key(row) for row in filled.snapshot().scored(["a", "b"]).to_pylist()}
    filled.drop_scores(gone)
    snapshot = filled.snapshot()
    assert {_key(row) for row in snapshot.scored(["a", "b"]).to_pylist()} == before - set(gone)
    assert {_key(row) for row in snapshot.eval_items(["a", "b"]).to_pylist()} == before - set(gone)
    assert filled.check() == []


def test_what_is_not_there_costs_no_commit(filled: Store) -> None:
    before = filled.snapshot().key
    filled.drop_scores([])
    filled.drop_scores([Measured("c", 1, 9, "sums", "d")])
    assert filled.snapshot().key == before


def test_an_older_snapshot_still_reads_what_it_saw(filled: Store) -> None:
    older = filled.snapshot()
    filled.drop_scores([Measured("a", 1, 9, "sums", "d")])
    assert len(older.evals()) == len(filled.snapshot().evals()) + 1


def _key(row: dict[str, object]) -> Measured:
    return Measured(*(row[name] for name in Measured._fields))  # type: ignore[arg-type]
