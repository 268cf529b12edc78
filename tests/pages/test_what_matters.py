"""The page `What matters` in every state of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import FakeRun, write_store

TITLE = "What matters"
SECTIONS = ("Importance", "Every trial", "Trade-offs", "Search progress")
EXPECTED = {
    ("one_run", "Importance"): ["no hyperparameter varies"],
    ("one_run", "Every trial"): ["1 trial"],
    ("one_run", "Trade-offs"): ["1 of 1 configurations is beaten by no other", "Unreplicated"],
    ("one_run", "Search progress"): ["needs two runs that ended"],
    ("all_diverged", "Importance"): ["no trial has a finite value"],
    ("all_diverged", "Every trial"): ["3 trials, 3 of them diverged"],
    ("all_diverged", "Trade-offs"): ["No finished run in view has a value of each objective"],
    ("all_diverged", "Search progress"): ["needs two runs that ended"],
    ("half_finished", "Importance"): ["Only learning\\_rate varies"],
    ("half_finished", "Every trial"): ["3 trials"],
    ("half_finished", "Trade-offs"): ["best eval\\_loss"],
    ("half_finished", "Search progress"): ["looked best by then"],
    ("mixed", "Importance"): ["No ranking", "trials are too few for 3 hyperparameters"],
    ("mixed", "Every trial"): ["18 trials, 1 of them diverged"],
    ("mixed", "Trade-offs"): ["beaten by no other", "Hypervolume", "had a diverged run"],
    ("mixed", "Search progress"): ["looked best by then", "ended at the same moment"],
    ("cliff", "Importance"): ["explains most of the difference", "is left to interactions and noise"],
    ("cliff", "Every trial"): ["12 trials"],
    ("cliff", "Trade-offs"): ["knee"],
    ("cliff", "Search progress"): ["looked best by then"],
}


@pytest.mark.parametrize(("state", "section"), EXPECTED)
def test_a_section_says_what_the_store_holds(open_page: OpenPage, state: str, section: str) -> None:
    app = open_page(state, TITLE, section=section)

    assert not app.exception
    assert not app.error
    text = shown_text(app)
    for words in EXPECTED[state, section]:
        assert words in text
    assert app.get("plotly_chart") or app.info


@pytest.mark.parametrize("section", SECTIONS)
def test_without_runs_every_section_says_what_to_do(open_page: OpenPage, section: str) -> None:
    for state in ("missing", "empty"):
        app = open_page(state, TITLE, section=section)
        assert not app.exception
        assert "ucurve demo" in app.code[0].value


def test_a_sweep_of_a_full_grid_is_shared_out_exactly(open_page: OpenPage) -> None:
    app = open_page("mixed", TITLE, section="Importance", sweep="demo-a")

    text = shown_text(app)
    assert "learning\\_rate explains" in text
    assert "exact, every combination was run" in text
    assert app.get("plotly_chart")


def test_the_better_half_leaves_the_diverged_out(open_page: OpenPage) -> None:
    app = open_page("mixed", TITLE, section="Importance", sweep="demo-a", scope="Better half")

    assert not app.exception
    assert "diverged" not in shown_text(app)


def test_a_limit_adds_a_pick(
    open_page: OpenPage, stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The shorter run is cheaper and worse: two points on the front.
    runs = [FakeRun(learning_rate=4e-4), FakeRun(learning_rate=1e-4, n_steps=12)]
    monkeypatch.setitem(stores, "tradeoff", write_store(tmp_path / "tradeoff", runs))
    app = open_page("tradeoff", TITLE, section="Trade-offs", against="wall_s")
    slider = app.select_slider(key="limit-wall_s")
    assert list(slider.options) == ["18", "36", "no limit"]
    assert slider.value == "no limit"

    slider.set_value("18").run()

    assert not app.exception
    assert "best eval\\_loss with wall\\_s at most 18: **learning\\_rate 1e\\-4**" in shown_text(app)


def test_a_third_objective_is_possible(open_page: OpenPage) -> None:
    app = open_page("mixed", TITLE, section="Trade-offs", against="tokens_seen", third="eval_bpb")

    assert not app.exception
    assert "eval\\_bpb" in shown_text(app)


def test_search_progress_by_a_chosen_cost(open_page: OpenPage) -> None:
    app = open_page("mixed", TITLE, section="Search progress", cost="Runs")

    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["strategy"]) == ["demo-a", "older"]
    assert list(table["evaluations"]) == [29, 4]


def test_shares_are_shown_in_whole_percent(open_page: OpenPage) -> None:
    [table] = [item.value for item in open_page("cliff", TITLE).dataframe if "explains" in item.value]
    assert (table["explains"] == table["explains"].round(2)).all()
    assert table["explains"].gt(0).any()
