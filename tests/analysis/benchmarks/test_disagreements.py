"""Runs that are named because loss and benchmark disagree: known truth, and how often somebody is named by mistake."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.benchmarks.correlation_types import LossCorrelation
from analysis.benchmarks.report import report_benchmarks
from tests.analysis.benchmarks.tables import evals_of, make_runs

LOSSES = np.linspace(2.0, 1.0, 10)
SHARES = np.linspace(0.3, 0.8, 10)
"""The better the loss, the better the score."""


def _correlate(shares: np.ndarray, losses: np.ndarray, **columns: object) -> LossCorrelation:
    runs = make_runs([f"r{row:03d}" for row in range(len(shares))], value=losses, **columns)  # type: ignore[arg-type]
    correlation = report_benchmarks(evals_of(shares[:, None]), runs, metric="eval_loss").correlation
    assert correlation is not None
    return correlation.columns[0]


def test_nobody_is_named_where_loss_and_score_agree() -> None:
    assert _correlate(SHARES, LOSSES).disagreements == ()


@pytest.mark.parametrize(("score", "direction", "ranks"), [(0.35, "worse", (1, 9)), (0.79, "better", (9, 2))])
def test_the_run_that_is_out_of_line_is_named_alone(score: float, direction: str, ranks: tuple[int, int]) -> None:
    shares = SHARES.copy()
    odd = 9 if direction == "worse" else 1
    shares[odd] = score
    (found,) = _correlate(shares, LOSSES).disagreements
    assert (found.row, found.direction) == (f"r{odd:03d}", direction)
    assert (found.loss_rank, found.score_rank, found.n) == (*ranks, 10)
    assert found.n_pairs >= 5
    assert found.against == ("r008" if direction == "worse" else "r002")
    assert found.to_json()["direction"] == direction


def test_a_difference_within_the_item_error_names_nobody() -> None:
    shares = SHARES.copy()
    shares[9] = shares[8] - 0.02  # an item error of 0.013 each
    assert _correlate(shares, LOSSES).disagreements == ()


def test_losses_within_run_to_run_noise_name_nobody() -> None:
    """Two configurations of two seeds; the better loss has the worse score, but seeds differ as much in loss."""
    shares, trials = np.array([0.4, 0.4, 0.7, 0.7]), ["a", "a", "b", "b"]
    noisy = _correlate(shares, np.array([1.0, 1.4, 1.1, 1.5]), trial_key=trials)
    steady = _correlate(shares, np.array([1.0, 1.001, 1.1, 1.101]), trial_key=trials)
    assert noisy.disagreements == ()
    assert {found.row for found in steady.disagreements} <= {"r000", "r001", "r002", "r003"}
    assert steady.disagreements


def test_runs_of_different_groups_are_not_compared() -> None:
    shares, losses = np.r_[SHARES, SHARES], np.r_[LOSSES, LOSSES + 3.0]
    models = ["small"] * 10 + ["large"] * 10
    assert _correlate(shares, losses, model=models).disagreements == ()
    assert _correlate(shares, losses).disagreements != ()


def test_with_one_truth_somebody_is_named_in_fewer_than_one_column_of_twenty() -> None:
    """200 columns of 12 runs whose true scores follow the loss closely, and item noise."""
    rng = np.random.default_rng(2)
    truth = np.linspace(0.5, 0.52, 12)
    shares = rng.binomial(1000, truth[:, None], (12, 200)) / 1000
    runs = make_runs([f"r{row:03d}" for row in range(12)], value=np.linspace(2, 1, 12))
    correlation = report_benchmarks(evals_of(shares, n_items=1000), runs, metric="eval_loss").correlation
    assert correlation is not None
    assert sum(bool(column.disagreements) for column in correlation.columns) <= 12
