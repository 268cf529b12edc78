"""Differences by item: references, properties, coverage, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.benchmarks.items import compare_on_items, read_items
from analysis.benchmarks.paired import RunNoise, paired_difference, run_noise
from analysis.benchmarks.report import report_benchmarks
from analysis.errors import FilterError
from tests.analysis.benchmarks.items import cells_of, draw_answers, fetch_of, item_table
from tests.analysis.benchmarks.tables import make_evals, make_runs

RNG = np.random.default_rng(3)
BASE, TUNED = RNG.normal(2.0, 0.5, 60), RNG.normal(1.9, 0.5, 60)


def test_without_bounds_it_is_the_paired_t_test_of_scipy() -> None:
    found = paired_difference(TUNED[None], BASE[None], sign=-1.0, scale=None)
    reference = stats.ttest_rel(BASE, TUNED)
    assert found.difference == pytest.approx(float((BASE - TUNED).mean()))
    assert found.p_value == pytest.approx(float(reference.pvalue))
    assert [found.low, found.high] == pytest.approx(list(reference.confidence_interval(0.95)))
    assert found.p_mcnemar is None
    assert found.difference > 0  # lower is better, and the tuned one is lower


def test_right_or_wrong_answers_have_the_exact_mcnemar_p_of_scipy() -> None:
    first, second = draw_answers(RNG, [0.6, 0.0], 1, 150, 0.0)[:, 0]
    n_better, n_worse = int((first > second).sum()), int((first < second).sum())
    found = paired_difference(first[None], second[None])
    reference = stats.binomtest(n_better, n_better + n_worse, 0.5).pvalue
    assert (found.n_better, found.n_worse) == (n_better, n_worse)
    assert found.p_mcnemar == pytest.approx(reference)


def test_the_error_of_right_or_wrong_answers_is_that_of_agresti_and_min() -> None:
    """Half a pair in each discordant cell; their variance has N where a t interval has N - 1."""
    first, second = np.array([1.0] * 12 + [0.0] * 5 + [1.0] * 33), np.array([0.0] * 12 + [1.0] * 5 + [1.0] * 33)
    b, c, n = 12.5, 5.5, 52
    variance = ((b + c) - (b - c) ** 2 / n) / n**2
    found = paired_difference(first[None], second[None])
    assert found.difference == pytest.approx(7 / 50)
    assert found.stderr**2 == pytest.approx(variance * n / (n - 1), rel=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_swapping_the_sides_turns_the_difference_and_shared_difficulty_falls_out(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0, 1, (n, 20)), rng.normal(0, 1, (m, 20))
    there, back = (paired_difference(*sides, scale=None) for sides in ((first, second), (second, first)))
    assert there.difference == pytest.approx(-back.difference)
    assert [there.low, there.stderr] == pytest.approx([-back.high, back.stderr])
    hard = rng.normal(0, 5, 20)
    moved = paired_difference(first + hard, second + hard, scale=None)
    assert moved.stderr == pytest.approx(there.stderr, rel=1e-6)


def test_equal_answers_are_no_proof_of_equality() -> None:
    same = np.array([[1.0, 0.0] * 50])
    found = paired_difference(same, same)
    assert (found.difference, found.p_mcnemar, found.p_value) == (0.0, 1.0, 1.0)
    assert 0.01 < found.high < 0.03  # a difference of 2 in 100 is not excluded
    unbounded = paired_difference(BASE[None], BASE[None], scale=None)
    assert (unbounded.low, unbounded.high, unbounded.p_value) == (0.0, 0.0, 1.0)


def _crossed_by_hand(first: np.ndarray, second: np.ndarray) -> float:
    """The variance of the mean difference from an analysis of variance with the two sides' runs as replicates."""
    n_runs, n_items = first.shape
    both = [first, second]
    run_part = sum(side.mean(axis=1).var(ddof=1) for side in both) / 2 * (2 / n_runs)
    left = 0.0
    for side in both:
        effects = side.mean(axis=1)[:, None] + side.mean(axis=0) - side.mean()
        left += ((side - effects) ** 2).sum() / ((n_runs - 1) * (n_items - 1)) / 2
    item_part = (first.mean(axis=0) - second.mean(axis=0)).var(ddof=1) - left * 2 / n_runs
    return float(run_part + item_part / n_items)


def test_runs_crossed_with_items_is_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(5)
    own = rng.normal(0, 1.0, 40)  # what helps on some items and hurts on others
    first = own + rng.normal(0, 0.3, (4, 1)) + rng.normal(0, 0.5, (4, 40))
    second = rng.normal(0, 0.3, (4, 1)) + rng.normal(0, 0.5, (4, 40))
    found = paired_difference(first, second, scale=None)
    assert found.stderr**2 == pytest.approx(_crossed_by_hand(first, second))
    assert found.n_runs == (4, 4)
    assert "6 degrees of freedom" in found.model


def _population_difference(gain: float, run_sd: float) -> float:
    """Mean difference over all items and runs, by integration."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = np.hypot(1.5, run_sd) * nodes
    shares = [(weights / (1 + np.exp(-(logits + each)))).sum() / weights.sum() for each in (gain, 0.0)]
    return float(shares[0] - shares[1])


@pytest.mark.parametrize(
    ("n_seeds", "run_sd", "gain"), [(1, 0.0, 0.0), (1, 0.0, 0.5), (2, 0.3, 0.0), (4, 0.0, 0.0), (4, 0.3, 0.5)]
)
def test_the_interval_covers_the_truth(n_seeds: int, run_sd: float, gain: float) -> None:
    """200 sweeps of eight configurations: 95 % is expected; of 200, 185 to 198 is what chance and the model leave."""
    rng = np.random.default_rng(11)
    truth, covered = _population_difference(gain, run_sd), 0
    for _ in range(200):
        answers = draw_answers(rng, [0.0, gain, *[0.0] * 6], n_seeds, 150, run_sd)
        found = paired_difference(answers[1], answers[0], noise=run_noise(list(answers)))
        covered += found.low <= truth <= found.high
    assert 185 <= covered <= 199


def test_the_heatmap_compares_trials_with_the_run_noise_of_all_trials() -> None:
    answers = draw_answers(RNG, [0.0, 0.3, 0.1], 3, 100, 0.3)
    ids = {(trial, seed): f"r{trial}-{seed}" for trial in range(3) for seed in range(3)}
    by_run = {(run, "arc"): answers[at] for at, run in ids.items()}
    runs = make_runs(list(ids.values()), trial_key=[f"t{at}" for at, _ in ids], learning_rate=[at for at, _ in ids])
    evals, fetch = make_evals(cells_of(by_run)), fetch_of(item_table(by_run))
    baseline = report_benchmarks(evals, runs, rows="trial", baseline="t0", fetch_items=fetch).baseline
    found = paired_difference(answers[1], answers[0], noise=run_noise(list(answers)))
    assert baseline is not None
    got = [baseline.differences[1, 0], baseline.errors[1, 0], baseline.low[1, 0], baseline.high[1, 0]]
    assert got == pytest.approx([found.difference, found.stderr, found.low, found.high])
    assert np.isnan(baseline.p_mcnemar).all()


def test_the_heatmaps_differences_are_paired_where_both_sides_have_items() -> None:
    answers = {(f"r{at}", "arc"): each for at, each in enumerate(draw_answers(RNG, [0.0, 0.1, 0.2], 1, 200, 0.0)[:, 0])}
    evals, runs = make_evals(cells_of(answers)), make_runs(["r0", "r1", "r2"])
    with_items = {key: scores for key, scores in answers.items() if key[0] != "r2"}
    report = report_benchmarks(evals, runs, baseline="r0", fetch_items=fetch_of(item_table(with_items)))
    plain = report_benchmarks(evals, runs, baseline="r0")
    assert report.baseline is not None
    assert plain.baseline is not None
    pair = paired_difference(answers["r1", "arc"][None], answers["r0", "arc"][None])
    assert report.baseline.errors[1, 0] == pytest.approx(pair.stderr)
    assert report.baseline.p_mcnemar[1, 0] == pytest.approx(pair.p_mcnemar)
    assert report.baseline.errors[2, 0] == plain.baseline.errors[2, 0]
    assert report.baseline.to_json()["method"] == [[None], ["paired"], ["unpaired"]]
    assert report.baseline.errors[1, 0] < plain.baseline.errors[1, 0]
    assert "1 of 2 differences" in report.baseline.notes[0]


@pytest.mark.parametrize("spoil", ["digest", "step", "metric", "score", "gap"])
def test_items_of_something_else_are_not_used(spoil: str) -> None:
    answers = {(f"r{at}", "arc"): each for at, each in enumerate(draw_answers(RNG, [0.0, 0.4], 1, 100, 0.0)[:, 0])}
    cells = [{**cell, "score": 0.123} if spoil == "score" else cell for cell in cells_of(answers)]
    wrong = {"digest": {"digest": "d2"}, "step": {"step": 7}, "metric": {"metric": "acc_norm"}}.get(spoil, {})
    table = item_table(answers, **wrong)  # type: ignore[arg-type]
    table = table.slice(1) if spoil == "gap" else table
    report = report_benchmarks(make_evals(cells), make_runs(["r0", "r1"]), baseline="r0", fetch_items=fetch_of(table))
    assert report.baseline is not None
    assert not report.baseline.is_paired.any()
    assert np.isfinite(report.baseline.errors[1, 0])


def test_an_item_that_was_scored_twice_counts_as_its_mean() -> None:
    answers = {("r0", "arc"): np.array([1.0, 0.0, 1.0, 1.0])}
    table = item_table(answers)
    matrix = report_benchmarks(make_evals(cells_of(answers)), make_runs(["r0"])).matrix
    found = read_items(matrix, fetch_of(pa.concat_tables([table, table])))
    assert found[0].scores["r0"].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found[0].of_runs(["r0", "r1"]) is None


def test_scores_on_other_items_stand_in_columns_of_their_own_and_are_never_compared() -> None:
    answers = {(f"r{at}", "arc"): each for at, each in enumerate(draw_answers(RNG, [0.0, 0.4], 1, 100, 0.0)[:, 0])}
    first, second = cells_of(answers)
    report = report_benchmarks(
        make_evals([first, {**second, "items_digest": "d2"}]), make_runs(["r0", "r1"]), baseline="r0"
    )
    assert len(report.matrix.columns) == 2
    assert report.baseline is not None
    assert np.isnan(report.baseline.differences[1]).all()
    assert any("different items" in flag.text for flag in report.flags if flag.kind == "items")


def test_two_sides_are_compared_or_refused_with_the_reason() -> None:
    answers = {(f"r{at}", "arc"): each for at, each in enumerate(draw_answers(RNG, [0.0, 0.4], 1, 100, 0.0)[:, 0])}
    table = item_table(answers)
    found = compare_on_items(table, ["r1"], ["r0"], benchmark="arc", metric="acc")
    assert found == paired_difference(answers["r1", "arc"][None], answers["r0", "arc"][None])
    assert found.to_json()["n_runs"] == [1, 1]
    other = item_table({("r2", "arc"): answers["r1", "arc"]}, digest="d2")
    with pytest.raises(FilterError, match=r"different items \(d1: r0; d2: r2\)"):
        compare_on_items(pa.concat_tables([table, other]), ["r0"], ["r2"], benchmark="arc", metric="acc")
    with pytest.raises(FilterError, match="'r9' has no scores by item"):
        compare_on_items(table, ["r0"], ["r9"], benchmark="arc", metric="acc")
    with pytest.raises(FilterError, match="share 1 answered items"):
        compare_on_items(
            pa.concat_tables([table.slice(0, 1), table.slice(100, 1)]), ["r0"], ["r1"], benchmark="arc", metric="acc"
        )


def test_run_noise_never_makes_a_difference_surer_than_its_items_allow() -> None:
    first, second = draw_answers(RNG, [0.0, 0.0], 1, 100, 0.0)
    alone = paired_difference(first, second, noise=RunNoise())
    assert paired_difference(first, second, noise=RunNoise(1e-9, 3, 0.1)).stderr >= alone.stderr * (1 - 1e-9)
    assert paired_difference(first, second, noise=RunNoise(0.01, 3, 0.1)).stderr > alone.stderr
