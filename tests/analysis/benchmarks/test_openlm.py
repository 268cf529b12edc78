"""The 104 pre-training runs on 46 tasks that Gadre et al. 2024 (arXiv 2403.08540) published, computed in two ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import binom_test

from analysis.benchmarks.report import BenchmarkReport, report_benchmarks, sort_rows
from tests.analysis.benchmarks.tables import openlm
from tests.shared_data import table_path


@pytest.fixture(scope="module")
def report() -> BenchmarkReport:
    evals, runs = openlm()
    return report_benchmarks(evals, runs, metric="loss_c4_val", within=("dataset",), baseline="rpj-open_lm_7b-1.0")


@pytest.fixture(scope="module")
def published() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Scores (runs x tasks), models and tasks, as published."""
    models = pd.read_csv(table_path("openlm-scaling/models.csv")).set_index("run")
    scores = pd.read_csv(table_path("openlm-scaling/evals.csv")).set_index("run").loc[models.index]
    return scores, models, pd.read_csv(table_path("openlm-scaling/tasks.csv")).set_index("task")


def test_every_cell_is_there_with_its_binomial_error(
    report: BenchmarkReport, published: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    scores, _, tasks = published
    names = [column.key for column in report.matrix.columns]
    np.testing.assert_array_equal(report.matrix.scores, scores[names].to_numpy())
    assert report.coverage.startswith("No cell is missing (104 × 46)")
    shares = scores["arc_easy"].to_numpy()
    errors = report.matrix.stderr[:, names.index("arc_easy")]
    np.testing.assert_allclose(errors, np.sqrt(shares * (1 - shares) / tasks["n"]["arc_easy"]))


def test_the_tasks_at_chance_are_those_of_an_independent_test(
    report: BenchmarkReport, published: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    scores, _, tasks = published
    at_chance = set()
    for task in map(str, scores.columns):
        n, chance = int(tasks["n"][task]), float(tasks["random_baseline_pct"][task]) / 100
        best = round(scores[task].max() * n)
        p_value = binom_test(best, n, chance, alternative="larger") if chance else float(best == 0)
        if p_value * len(scores) > 0.05:
            at_chance.add(task)
    assert {column.key for column in report.matrix.columns if column.at_chance} == at_chance
    assert len(at_chance) == 15


@pytest.mark.parametrize("task", ["arc_easy", "hellaswag", "copa", "mmlu", "siqa"])
def test_pooled_and_within_dataset_tau_are_those_of_scipy(
    report: BenchmarkReport, published: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], task: str
) -> None:
    scores, models, _ = published
    assert report.correlation is not None
    found = next(column for column in report.correlation.columns if column.column == task)
    assert found.tau.value == pytest.approx(stats.kendalltau(-models["loss_c4_val"], scores[task]).statistic)
    by_dataset = {group.label.removeprefix("dataset "): group for group in found.groups}
    for dataset, rows in models.groupby("dataset").groups.items():
        expected = stats.kendalltau(-models.loc[rows, "loss_c4_val"], scores.loc[rows, task]).statistic
        assert by_dataset[str(dataset)].tau.value == pytest.approx(expected)
    assert found.tau.value is not None
    assert found.tau.low is not None
    assert found.tau.high is not None
    assert found.tau.low < found.tau.value < found.tau.high


def test_a_loss_on_other_text_orders_the_runs_better_inside_a_dataset(
    published: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """Pooling over training sets hides how well the loss on code predicts: Simpson's paradox in real data."""
    evals, runs = openlm()
    loss = published[1]["loss_paloma_dolma_100_programing_languages"].to_numpy()
    found = report_benchmarks(
        evals, runs.assign(value=loss), metric="code_loss", within=("dataset",), benchmarks=("arc_easy", "hellaswag")
    )
    assert found.correlation is not None
    for column in found.correlation.columns:
        assert column.tau.value is not None
        assert column.within.value is not None
        assert column.tau.value < 0.8 < 0.9 < column.within.value
        assert column.conflict
    assert any(flag.kind == "simpson" for flag in found.flags)


def test_without_asking_groups_are_one_model_on_one_dataset() -> None:
    evals, runs = openlm()
    found = report_benchmarks(evals, runs, metric="loss_c4_val", benchmarks=("arc_easy",))
    assert found.correlation is not None
    assert found.correlation.group_keys == ("model", "dataset")


def test_the_mean_and_the_ranks_name_different_runs_and_it_is_said(report: BenchmarkReport) -> None:
    mean, rank, *_ = report.aggregates
    assert mean.winners != rank.winners
    assert "name different best rows" in report.verdict[0]
    assert report.matrix.rows[sort_rows(report, "mean")[0]].name == "rw_original-open_lm_7b-1.0"
    assert len(mean.columns) == 46 - 15


def test_mean_ranks_are_those_of_pandas(
    report: BenchmarkReport, published: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    rank = report.aggregates[1]
    expected = published[0][list(rank.columns)].rank(ascending=False).mean(axis=1)
    np.testing.assert_allclose(rank.values, expected)


def test_marked_differences_to_the_baseline_are_far_beyond_single_errors(report: BenchmarkReport) -> None:
    baseline = report.baseline
    assert baseline is not None
    assert np.nanmin(np.abs(baseline.z[baseline.is_different])) > 3.9
    assert 0.2 < np.mean(baseline.is_different) < 0.8
