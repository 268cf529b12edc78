"""Stores of any size: long tables come in pages, long lists in parts, and what is read for all is read once."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.figures.lr_curve import plot_lr_curves
from analysis.health.check import read_frames
from analysis.lr_curves.compute import compute_lr_curves
from analysis.store import Condition, MetricRow, Snapshot, Store
from pages import _compare_choice, _compare_tables, _data_health_read, _run_parts, _tables
from pages._data import digest_results, load_results, open_store
from pages._pictures import picture
from pages._warm_up import warm_up
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import FakeRun, mixed, write_store

ONE_SWEEP = (Condition("sweep_id", "=", "demo-a"),)


@pytest.fixture
def store(stores: dict[str, Path]) -> Store:
    return Store.open(stores["mixed"])


def run_rows(app: AppTest) -> pd.DataFrame:
    """The table of the page Runs."""
    found: pd.DataFrame = next(table.value for table in app.dataframe if str(table.key).startswith("runs-"))
    return found


def test_a_long_table_of_runs_comes_in_pages(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run_parts, "PAGE_ROWS", 10)

    app = open_page("mixed", "Runs", page="4")

    assert "Rows 31 to 33 of 33" in shown_text(app)
    assert len(run_rows(app)) == 3


def test_the_best_runs_can_stand_on_the_first_page(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = run_rows(open_page("mixed", "Runs"))
    monkeypatch.setattr(_run_parts, "PAGE_ROWS", 10)

    best = run_rows(open_page("mixed", "Runs", order="Best eval_loss first"))

    assert list(best["eval_loss"]) == sorted(everything["eval_loss"].dropna())[:10]


def test_a_ticked_run_on_another_page_stays_ticked(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    last = run_rows(open_page("mixed", "Runs"))["run_id"].iloc[-1]
    monkeypatch.setattr(_run_parts, "PAGE_ROWS", 10)

    app = open_page("mixed", "Runs", run=last)

    assert last not in set(run_rows(app)["run_id"])
    assert last in app.query_params["run"]


def test_of_many_runs_those_looked_for_are_offered(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compare_choice, "MAX_OFFERED", 5)

    app = open_page("mixed", "Compare runs", find="BS 16 seed 1")

    assert not app.exception
    offered = app.multiselect(key="compared").options
    assert len(offered) == 5
    assert all("bs 16 seed 1" in name for name in offered)


def test_a_long_table_says_how_much_of_it_is_shown(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tables, "MOST_ROWS", 2)

    assert "The first 2 of 6 rows; the download has all." in shown_text(open_page("mixed", "Compare runs"))


@pytest.mark.parametrize("where", [(), ONE_SWEEP, (Condition("batch_size", "=", 16), *ONE_SWEEP)])
def test_what_is_read_once_and_narrowed_is_what_the_store_says(store: Store, where: tuple[Condition, ...]) -> None:
    snapshot = store.snapshot()

    pd.testing.assert_frame_equal(load_results(snapshot, "eval_loss", where), snapshot.results("eval_loss", where))
    ours = _data_health_read._frames(snapshot.key, where, "eval_loss", store, snapshot)
    theirs = read_frames(store, snapshot, "eval_loss", where)
    pd.testing.assert_frame_equal(ours.summaries, theirs.summaries)
    pd.testing.assert_frame_equal(ours.paces, theirs.paces)


def test_answers_about_a_sweep_outlive_what_others_write(tmp_path: Path) -> None:
    store = Store.open(write_store(tmp_path / "store", mixed()))
    before = store.snapshot()
    one, everything = (digest_results(before, "eval_loss", where) for where in (ONE_SWEEP, ()))
    other = FakeRun(learning_rate=1e-5, sweep_id="other")
    store.append(runs=[other.row()], metrics=[MetricRow(other.run_id, 1, 1, 1, 1.0, "eval_loss", 1.0)])
    after = store.snapshot()

    assert digest_results(after, "eval_loss", ONE_SWEEP) == one
    assert digest_results(after, "eval_loss") != everything


def test_nobody_changes_the_table_that_all_share(store: Store) -> None:
    snapshot = store.snapshot()
    before = load_results(snapshot, "eval_loss")
    untouched = before.copy(deep=True)

    before["value"] = 0.0
    before.loc[0, "status"] = "changed"

    pd.testing.assert_frame_equal(load_results(snapshot, "eval_loss"), untouched)


def test_what_every_visit_needs_is_read_before_the_first_one(
    stores: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCURVE_STORE", str(stores["mixed"]))
    monkeypatch.setattr(sys, "argv", ["server"])

    warm_up()
    monkeypatch.setattr(Snapshot, "query", None)  # from here on nothing can be read

    assert len(load_results(open_store(str(stores["mixed"])).snapshot(), "eval_loss")) == 33


def test_without_a_store_nothing_is_read_ahead_and_nothing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCURVE_STORE", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["server"])

    warm_up()

    assert not (tmp_path / "none").exists()


def test_a_figure_of_long_arguments_is_told_by_its_key(store: Store) -> None:
    curves = compute_lr_curves(store.snapshot().results("eval_loss"), metric="eval_loss")

    built = picture(plot_lr_curves, curves, told_by="all", theme="light").figure(None)

    assert picture(plot_lr_curves, [], told_by="all", theme="light").figure(None) is built
    assert picture(plot_lr_curves, curves, told_by="some", theme="light").figure(None) is not built


def test_the_same_figure_is_built_once(store: Store) -> None:
    curves = compute_lr_curves(store.snapshot().results("eval_loss"), metric="eval_loss")
    again = compute_lr_curves(store.snapshot().results("eval_loss"), metric="eval_loss")

    built = picture(plot_lr_curves, curves, theme="light").figure(None)

    assert picture(plot_lr_curves, again, theme="light").figure(None) is built
    assert picture(plot_lr_curves, again, theme="dark").figure(None) is not built
    assert picture(plot_lr_curves, again, theme="light").figure((1.0, 2.0)) is not built


def test_learning_rates_of_runs_have_three_digits(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [FakeRun(learning_rate=10**-2.3), FakeRun(learning_rate=10**-2.6)]
    monkeypatch.setitem(stores, "long", write_store(tmp_path / "long", runs))

    assert sorted(run_rows(open_page("long", "Runs"))["learning_rate"]) == [2.51e-3, 5.01e-3]


@pytest.mark.parametrize(
    ("rates", "shown"),
    [((10**-2.3, 10**-2.6), ["5.01e-3", "2.51e-3"]), ((1.0001e-3, 1.0002e-3), ["0.0010001", "0.0010002"])],
)
def test_differing_learning_rates_are_as_short_as_they_differ(rates: tuple[float, ...], shown: list[str]) -> None:
    assert _compare_tables.texts_of("learning_rate", rates) == shown


def test_no_estimated_probability_is_shown_as_certain() -> None:
    assert [_tables.short_of_certain(p) for p in (0.0, 0.573, 0.9949, 0.99999, 1.0)] == [0.0, 0.57, 0.995, 0.999, 0.999]


CACHED = re.compile(r"(load_\w+|analyse|digest_\w+|_\w+)")


@pytest.mark.parametrize("file", sorted(Path(_tables.__file__).parent.glob("*.py")), ids=lambda file: file.stem)
def test_whoever_has_the_turn_asks_no_cache(file: Path) -> None:
    turns = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.With) and any(ast.unparse(item.context_expr) == "TURN" for item in node.items)
    ]
    asked = {
        call.func.id
        for turn in turns
        for call in ast.walk(turn)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and CACHED.fullmatch(call.func.id)
    }
    assert asked <= {"_function"}  # an analysis module's own, which know no cache
    assert turns or file.stem not in ("_data", "_pictures", "_benchmark_report", "_data_health_read")
