"""Scores by item: a table that appears with its first row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.errors import SchemaError
from analysis.store import EvalItemRow, EvalRow, Store
from analysis.store.schema import EVAL_ITEMS
from analysis.store.tables import Batch

ITEMS = [EvalItemRow("r", 1, 10, "sums", "acc", f"i{n}", "d1", float(n % 2)) for n in range(4)]
SCORE = EvalRow("r", 1, 10, "sums", "acc", 0.5, items_digest="d1")
RUN = {"run_id": "r", "status": "finished", "attempt": 1}


def found(store: Store, *run_ids: str, benchmark: str | None = None) -> list[dict[str, object]]:
    return sorted(store.snapshot().eval_items(run_ids, benchmark).to_pylist(), key=str)


def test_the_table_appears_with_its_first_row_and_reads_as_empty_before(store: Store) -> None:
    assert found(store, "r") == []
    assert not (Path(store.location) / "eval_items").exists()
    store.append(runs=[RUN], evals=[SCORE], eval_items=ITEMS)
    assert found(store, "r") == [row._asdict() for row in ITEMS]
    assert store.info().n_item_rows == 4
    assert EvalItemRow._fields == tuple(column.name for column in EVAL_ITEMS)


def test_only_the_runs_and_the_benchmark_asked_for_come_back(store: Store) -> None:
    others = [ITEMS[0]._replace(run_id="s"), ITEMS[0]._replace(benchmark="dates")]
    store.append(eval_items=[*ITEMS, *others])
    assert len(found(store, "r", "s")) == 6
    assert [row["benchmark"] for row in found(store, "r", benchmark="dates")] == ["dates"]
    assert found(store, "r", benchmark="nothing") == []


@pytest.mark.parametrize(("attempt", "seen"), [(1, 1), (2, 2), (None, 2)])
def test_the_attempt_of_the_runs_row_counts_else_the_highest(store: Store, attempt: int | None, seen: int) -> None:
    store.append(runs=[RUN | {"attempt": attempt}], eval_items=[*ITEMS, ITEMS[0]._replace(attempt=2)])
    assert {row["attempt"] for row in found(store, "r")} == {seen}


def test_an_arrow_table_is_taken_as_it_is_and_compaction_keeps_every_row(store: Store) -> None:
    columns = dict(zip(EvalItemRow._fields, zip(*ITEMS, strict=True), strict=True))
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    table = table.set_column(3, "benchmark", table["benchmark"].dictionary_encode())
    for step in range(3):
        store.append(eval_items=table.set_column(2, "step", pa.array(np.full(4, step))))
    store.compact()
    assert store.n_files() == 1
    assert [row["step"] for row in found(store, "r")].count(2) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"items_digest": None}, "items_digest .*needs a value"),
        ({"item_id": ""}, "item_id .*1 to 200"),
        ({"score": None}, "score .*needs a value"),
    ],
)
def test_an_item_without_a_name_digest_or_score_is_refused(store: Store, change: dict[str, object], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        store.append(eval_items=[ITEMS[0]._replace(**change)])  # type: ignore[arg-type]  # that is the point


def test_a_batch_is_stored_once_and_a_score_never_comes_before_its_items(store: Store) -> None:
    batch = Batch("evaluation", 1, sent_before=True)
    for _ in range(2):
        store.append(runs=[RUN], evals=[SCORE], eval_items=ITEMS, batch=batch)
    assert len(found(store, "r")) == 4
    store.append(eval_items=[ITEMS[0]._replace(step=11)])  # what a kill between the two commits leaves
    problems = {(problem.kind, problem.where): problem.message for problem in store.check()}
    assert problems == {
        ("items_without_score", "r"): "1 scores of single items of sums (acc) at step 11 belong to no score"
    }


def test_check_finds_items_without_a_run(store: Store) -> None:
    store.append(evals=[SCORE], eval_items=ITEMS)
    assert {problem.kind for problem in store.check()} == {"orphan_items", "orphan_evals"}


def test_the_key_of_a_snapshot_follows_the_items(store: Store) -> None:
    before = store.snapshot().key
    store.append(eval_items=ITEMS)
    assert store.snapshot().key != before
