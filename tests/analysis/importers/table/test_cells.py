"""What one cell means, where that is odd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.importers.table.cells import CellError, number_in, to_number, to_whole
from analysis.store import Store
from tests.analysis.importers.table.importing import do_import, write

TOO_LARGE = 10**400


@pytest.mark.parametrize("cell", [TOO_LARGE, -TOO_LARGE, 2**1024])
def test_a_whole_number_beyond_all_floats_is_none(cell: int) -> None:
    assert number_in(cell) is None
    for read in (to_number, to_whole):
        with pytest.raises(CellError, match="at most 308 digits"):
            read(cell)


@pytest.mark.parametrize("cell", [10**300, -(2**1023), 0, 7])
def test_one_below_is_a_number(cell: int) -> None:
    assert number_in(cell) == cell


def test_it_costs_its_row_and_not_the_import(tmp_path: Path) -> None:
    rows = [{"run": name, "learning_rate": rate, "eval_loss": 1.0} for name, rate in (("a", 1e-4), ("b", TOO_LARGE))]
    path = write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    fields = "fields: {run_id: run, learning_rate: learning_rate}\nmetrics: {eval_loss: eval_loss}"
    store = Store.open(tmp_path / "store", create=True)
    (problem,) = do_import(store, path, fields).problems
    assert (problem.line, problem.column) == (2, "learning_rate")
    assert "must be a number" in problem.reason
    assert list(store.snapshot().runs()["run_id"]) == ["a"]


def test_a_guessed_map_keeps_it_out_of_the_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", json.dumps({"run": "a", "learning_rate": TOO_LARGE, "eval_loss": 1.0}))
    do_import(Store.open(tmp_path / "store", create=True), path)
    assert Store.open(tmp_path / "store").snapshot().runs()["learning_rate"].isna().all()
