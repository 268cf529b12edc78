from __future__ import annotations

from pathlib import Path

import pytest

from analysis.store import Store
from pages._data_health_parts import coverage_table, excluded_table, groups_table
from tests.analysis.health.stores import check, curve, fill, losses, run_row
from tests.pages.conftest import OpenPage, shown_text

TITLE = "Data health"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("one_run", ["A clean bill of health", "Used", "every run is used"]),
        ("all_diverged", ["Excluded", "of 3 runs", "Excluded runs"]),
        ("half_finished", ["Excluded runs", "clean bill"]),
        ("mixed", ["Problems", "share 4 curves", "Remove the copies", "Excluded runs"]),
    ],
)
def test_the_page_says_what_was_found(open_page: OpenPage, state: str, words: list[str]) -> None:
    app = open_page(state, TITLE)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == TITLE
    text = shown_text(app) + "".join(message.value for message in app.success)
    for word in words:
        assert word in text


@pytest.mark.parametrize(("state", "words"), [("missing", "no store here yet"), ("empty", "The store is empty")])
def test_the_page_without_runs_says_why(open_page: OpenPage, state: str, words: str) -> None:
    app = open_page(state, TITLE)
    assert not app.exception
    assert words in app.info[0].value


def test_the_excluded_runs_can_be_filtered_by_reason(open_page: OpenPage) -> None:
    app = open_page("mixed", TITLE, why="failed")
    excluded = next(table.value for table in app.dataframe if "reason" in table.value.columns)
    assert list(excluded["why"]) == ["failed"]


def test_the_tables_hold_what_the_report_says(tmp_path: Path) -> None:
    runs = [run_row(0), run_row(1, learning_rate=None), run_row(2, model="other")]
    store = fill(Store.open(tmp_path / "s", create=True), runs, [*curve("r0", losses(0)), *curve("r2", losses(2))])
    report = check(store)
    assert excluded_table(report).to_dict("records") == [
        {"run_id": "r1", "why": "no learning rate", "reason": "It has no learning rate."}
    ]
    assert coverage_table(report).to_dict("records") == [
        {"metric": "loss", "runs": 2, "share": pytest.approx(2 / 3), "lacking": 1}
    ]
    assert list(groups_table(report)["runs"]) == [1, 1]
