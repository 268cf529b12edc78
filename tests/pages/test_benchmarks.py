from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.store import EvalItemRow, EvalRow, Store
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
    assert app.metric[0].label == "Scored trials"
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
    assert len(app.get("plotly_chart")) == 3


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


def _evaluated(folder: Path) -> Path:
    """Six configurations of two seeds and the base model on two benchmarks, with items, counts and copies."""
    runs = [FakeRun(learning_rate=rate, seed=seed) for rate in LEARNING_RATES[:6] for seed in range(2)]
    write_store(folder, runs)
    store = Store.open(folder)
    base_id = "base-0123456789ab"
    base = {"run_id": base_id, "status": "finished", "name": "base model", "adapter": "none", "attempt": 1}
    known = store.snapshot().run_rows([run.run_id for run in runs])
    notes = {
        "contamination": {"sums": {"n_items": 200, "n_exact": 7, "n_near": 9, "digest": "d1"}},
        "evaluation": {"sums": [{"items_digest": "d1", "n_excluded": 2, "n_truncated": 3}]},
    }
    rows = [{**row, "provenance_json": json.dumps(notes), "seq": None} for row in known.values()]
    rng = np.random.default_rng(0)
    evals, items = [], []
    for run in (base_id, *(run.run_id for run in runs)):
        for name in ("sums", "dates"):
            right = (rng.random(200) < (0.4 if run == base_id else 0.6)).astype(float)
            score = float(right.mean())
            evals.append(EvalRow(run, 1, 24, name, "acc", score, None, 200, 0.25, True, items_digest="d1"))
            items += [
                EvalItemRow(run, 1, 24, name, "acc", f"i{at}", "d1", float(value)) for at, value in enumerate(right)
            ]
    store.append(runs=[base, *rows], evals=evals, eval_items=items)
    return folder


@pytest.fixture
def evaluated(tmp_path: Path, stores: dict[str, Path]) -> dict[str, Path]:
    stores["evaluated"] = _evaluated(tmp_path / "evaluated")
    return stores


def test_the_base_model_stands_first_and_differences_to_it_are_paired(
    evaluated: dict[str, Path], open_page: OpenPage
) -> None:
    app = _open(evaluated, open_page, "evaluated")
    assert app.selectbox(key="bench_baseline").options[1] == "base model"
    app.selectbox(key="bench_baseline").set_value("base model").run()
    assert not app.exception
    assert "Differences are between answers to the same items, item by item" in shown_text(app)


def test_copies_in_training_data_cut_and_left_out_items_are_said(
    evaluated: dict[str, Path], open_page: OpenPage
) -> None:
    text = shown_text(_open(evaluated, open_page, "evaluated"))
    assert "holds copies of 7 items and near copies of 2 more" in text
    assert "2 items were left out as bad and 3 items were cut to fit the context" in text


def test_what_to_take_by_loss_and_by_benchmarks(evaluated: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(evaluated, open_page, "evaluated")
    assert "Loss or benchmarks?" in [each.value for each in app.subheader]
    assert "the best benchmark mean" in shown_text(app)
    best = open_page("evaluated", "Best configuration")
    assert not best.exception
    assert "By benchmarks:" in shown_text(best)


def test_without_a_shared_benchmark_the_choice_says_why(scored: dict[str, Path], open_page: OpenPage) -> None:
    app = _open(scored, open_page, "gaps", bench_names="copa")
    assert "No benchmark counts" in shown_text(app)
