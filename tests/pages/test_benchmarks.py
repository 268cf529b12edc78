from __future__ import annotations

import math
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.store import EvalRow, Store
from tests.pages.conftest import OpenPage, shown_text
from tests.pages.stores import LEARNING_RATES, FakeRun, mixed, one_run, write_store

TITLE = "Benchmarks"
BENCHMARKS = {"arc_easy": 0.25, "boolq": 0.5, "hellaswag": 0.25, "copa": 0.5}


def _score(run: FakeRun, benchmark: str) -> float:
    """Better with a lower loss, except for copa, where everybody guesses."""
    chance = BENCHMARKS[benchmark]
    return chance if benchmark == "copa" else chance + 0.3 * math.exp(2.1 - run.loss_at(24))


def _row(run: FakeRun, benchmark: str, step: int = 24) -> EvalRow:
    score = _score(run, benchmark) - (0.01 if step < 24 else 0.0)
    return EvalRow(run.run_id, 1, step, benchmark, "acc", score, None, 500, BENCHMARKS[benchmark], True)


def _with_scores(folder: Path, runs: list[FakeRun], evals: list[EvalRow]) -> Path:
    write_store(folder, runs)
    Store.open(folder).append(evals=evals)
    return folder


@pytest.fixture
def scored(tmp_path: Path, stores: dict[str, Path]) -> dict[str, Path]:
    """Stores with scores, beside those of all pages that have none."""
    single = one_run()[0]
    stores["one_cell"] = _with_scores(tmp_path / "one_cell", [single], [_row(single, "arc_easy")])
    runs = mixed()
    finished = [run for run in runs if run.status == "finished"]
    cells = [_row(run, name) for run in finished for name in BENCHMARKS if not (run.seed == 1 and name == "boolq")]
    cells += [_row(run, "hellaswag", step=12) for run in finished]
    stores["gaps"] = _with_scores(tmp_path / "gaps", runs, cells)
    many = [FakeRun(learning_rate=rate, seed=seed) for rate in LEARNING_RATES for seed in range(10)]
    names = [f"task_{at:02d}" for at in range(46)]
    cells = [
        EvalRow(run.run_id, 1, 24, name, "acc", 0.3 + 0.005 * at + 0.01 * (run.seed % 3), None, 1000, 0.25, True)
        for run in many
        for at, name in enumerate(names)
    ]
    stores["many"] = _with_scores(tmp_path / "many", many, cells)
    return stores


def _open(scored: dict[str, Path], open_page: OpenPage, state: str, **query: str | list[str]) -> AppTest:
    assert state in scored
    app = open_page(state, TITLE, **query)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == TITLE
    return app


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("missing", "There is no store here yet"),
        ("empty", "The store is empty"),
        ("one_run", "No run in view has a benchmark score"),
        ("all_diverged", "No run in view has a benchmark score"),
        ("mixed", "ucurve import table"),
    ],
)
def test_without_scores_the_page_says_so_and_how_they_get_in(
    scored: dict[str, Path], open_page: OpenPage, state: str, words: str
) -> None:
    app = _open(scored, open_page, state)
    assert words in shown_text(app)
    assert not app.get("plotly_chart")


def test_scores_outside_the_filters_are_not_called_missing(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "gaps", where="status=failed")
    assert "Runs outside the filters have some" in shown_text(app)


def test_one_score_of_one_run(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "one_cell")
    assert [metric.value for metric in app.metric] == ["1", "1", "0"]
    assert len(app.get("plotly_chart")) == 1


def test_gaps_chance_and_steps_are_said(scored: dict[str, Path], open_page: OpenPage) -> None:
    text = shown_text(_open(scored, open_page, "gaps"))
    assert "cells are missing" in text
    assert "at chance for everybody" in text
    assert "name the same best row" in text
    assert "Kendall's tau" in text.replace("’", "'")


def test_rows_can_be_trials_on_another_scale_against_a_baseline(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "gaps", bench_rows="Trials", bench_scale="From chance")
    assert app.metric[0].label == "Trials with scores"
    options = app.selectbox(key="bench_baseline").options
    app.selectbox(key="bench_baseline").set_value(options[1]).run()
    assert not app.exception
    assert "errors are unpaired" in shown_text(app) or "answered the same items" in shown_text(app)


def test_a_chosen_step_and_benchmark(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "gaps", bench_step="Step 12", bench_names="hellaswag")
    assert [metric.value for metric in app.metric[1:]] == ["1", "0"]


def test_the_best_step_is_called_too_good(scored: dict[str, Path], open_page: OpenPage) -> None:
    assert "maximum over noisy values" in shown_text(_open(scored, open_page, "gaps", bench_step="Best"))


def test_many_runs_and_benchmarks(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "many")
    assert [metric.value for metric in app.metric] == ["70", "46", "0"]
    assert len(app.get("plotly_chart")) == 2


def test_a_link_with_unknown_choices_still_opens(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(
        scored, open_page, "gaps", bench_baseline="gone", bench_step="Step 999", bench_sort="x", bench_names="y"
    )
    assert app.get("plotly_chart")


def test_the_scatter_starts_with_a_benchmark_that_is_not_at_chance(
    scored: dict[str, Path], open_page: OpenPage
) -> None:
    app = _open(scored, open_page, "gaps", bench_names=["copa", "hellaswag"])
    scatter = app.selectbox(key="bench_scatter")
    assert scatter.options[0].startswith("copa")
    assert scatter.value.startswith("hellaswag")
