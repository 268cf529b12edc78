from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from analysis.errors import ConfigError
from analysis.lr_curves.rule_regret import compute_rule_regret
from tests.analysis.sweeps import FLOOR, MODEL, OPTIMUM, losses, make_results, messy_tables, sweeps, u_rows

RECOMMENDED = 0.0002856415043086949
RATES = [1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3]
few = settings(max_examples=settings().max_examples * 2 // 5)


def test_the_regret_of_a_learning_rate_is_pchip_through_the_means() -> None:
    values = [2.30, 2.15, 2.11, 2.19, 2.60]
    found = compute_rule_regret(make_results(losses(RATES, values)), metric="m", learning_rate=3e-4)
    expected = float(PchipInterpolator(np.log(RATES), values)(math.log(3e-4))) - 2.11
    (curve,) = found.per_curve
    assert found.rule == "learning rate 3e-4"
    assert curve.regret_absolute == pytest.approx(expected, rel=1e-9)
    assert curve.regret == pytest.approx(expected / 2.11, rel=1e-9)
    assert "PCHIP" in curve.method
    assert (found.inside_rank.median, found.inside_rank.max) == (curve.regret, curve.regret)


def test_the_rule_and_its_multiple_are_judged_on_every_model() -> None:
    rows = [*u_rows(model=MODEL), *u_rows(model="google/gemma-2-2b")]
    found = compute_rule_regret(make_results(rows), metric="m")
    assert [item.learning_rate for item in found.per_curve] == [None, pytest.approx(RECOMMENDED)]
    assert (found.n_curves, found.n_refused) == (2, 1)
    assert found.refusals == {"not computed: no learning rate is recommended for this model": 1}
    true = 0.05 * math.log(RECOMMENDED / OPTIMUM) ** 2 / FLOOR
    assert found.inside_rank.median == pytest.approx(true, rel=1e-6)
    tenfold = compute_rule_regret(make_results(rows), metric="m", factor=3)
    assert tenfold.rule == "3 x tinker"
    assert tenfold.per_curve[1].learning_rate == pytest.approx(3 * RECOMMENDED)


def test_share_median_and_maximum_are_those_of_the_curves() -> None:
    rows = [
        row
        for size, high in ((4, 2.01), (8, 2.02), (16, 2.2), (32, 2.4))
        for row in losses(RATES, [2.6, high, 2.0, 2.5, 2.9], batch_size=size)
    ]
    found = compute_rule_regret(make_results(rows), metric="m", learning_rate=2e-4, threshold=0.006)
    assert [item.regret for item in found.per_curve] == pytest.approx([0.005, 0.01, 0.1, 0.2])
    assert found.inside_rank.share_below == 0.25
    assert found.inside_rank.median == pytest.approx(0.055)
    assert found.inside_rank.max == pytest.approx(0.2)
    assert found.median_absolute == pytest.approx(0.11)
    assert found.max_absolute == pytest.approx(0.4)


def test_inside_the_rank_and_against_the_best_rank_are_kept_apart() -> None:
    rows = [
        *losses(RATES, [2.4, 2.2, 2.1, 2.3, 2.6], lora_rank=4),
        *losses(RATES, [2.3, 2.1, 2.0, 2.2, 2.5], lora_rank=64),
    ]
    found = compute_rule_regret(make_results(rows), metric="m", learning_rate=4e-4)
    assert [item.regret for item in found.per_curve] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert [item.regret_best_rank for item in found.per_curve] == pytest.approx([0.05, 0.0], abs=1e-12)
    assert found.best_rank is not None
    assert found.best_rank.max == pytest.approx(0.05)
    assert found.inside_rank.max == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("learning_rate", "reason"),
    [(1e-5, "outside the range"), (1e-1, "outside the range"), (5e-4, "diverged next to"), (6.4e-4, "diverged next")],
)
def test_it_is_refused_outside_the_range_and_next_to_divergence(learning_rate: float, reason: str) -> None:
    rows = losses([1e-4, 2e-4, 4e-4, 1.6e-3, 3.2e-3], [2.4, 2.2, 2.0, 2.3, 2.6])
    rows.append({"learning_rate": 6.4e-4, "status": "diverged", "value": math.nan})
    found = compute_rule_regret(make_results(rows), metric="m", learning_rate=learning_rate)
    assert found.n_refused == 1
    assert reason in found.per_curve[0].method
    assert found.inside_rank.share_below is None
    assert found.notes == ()


def test_a_score_has_an_absolute_regret_only() -> None:
    results = make_results(losses(RATES, [0.2, 0.5, 0.6, 0.4, 0.1]))
    found = compute_rule_regret(results, metric="m", direction="max", learning_rate=2e-4)
    assert found.per_curve[0].regret is None
    assert found.per_curve[0].regret_absolute == pytest.approx(0.1)
    assert (found.n_refused, found.inside_rank.n_curves) == (0, 0)
    assert found.max_absolute == pytest.approx(0.1)


def test_halves_of_the_seeds_undo_the_winners_curse() -> None:
    """Six equally good learning rates: the true regret of any is zero, the plain one is biased up."""
    plain, halves = [], []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        rows = u_rows([1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3], seeds=4, sd=0.01, generator=generator, curvature=0.0)
        item = compute_rule_regret(make_results(rows), metric="m", learning_rate=4e-4).per_curve[0]
        plain.append(item.regret_absolute)
        halves.append(item.regret_halves)
    assert np.mean(np.array(plain, dtype=float)) > 0.004
    error = float(np.std(np.array(halves, dtype=float))) / math.sqrt(200)
    assert abs(float(np.mean(np.array(halves, dtype=float)))) < 3 * error


def test_edges_and_missing_replicates_are_said() -> None:
    found = compute_rule_regret(make_results(losses(RATES, [2.0, 2.1, 2.2, 2.3, 2.4])), metric="m", learning_rate=2e-4)
    assert "no curve has replicates" in found.notes[0].lower()
    assert "at an edge" in found.notes[1]


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"factor": -1.0}, {"threshold": math.nan}])
def test_a_number_that_is_not_positive_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be a positive number"):
        compute_rule_regret(make_results(u_rows()), metric="m", **options)  # type: ignore[arg-type]


@few
@given(sweeps(), st.floats(-1, 1))
def test_regret_is_not_negative_and_zero_at_the_best(results: pd.DataFrame, shift: float) -> None:
    best = float(results["learning_rate"].iloc[int(np.argmin(results["value"]))])
    found = compute_rule_regret(results, metric="m", learning_rate=best * math.exp(shift))
    assert all(item.regret_absolute is None or item.regret_absolute >= 0 for item in found.per_curve)
    shuffled = compute_rule_regret(results.iloc[::-1], metric="m", learning_rate=best * math.exp(shift))
    assert shuffled.to_json() == found.to_json()


@few
@given(messy_tables())
def test_no_table_breaks_it(results: pd.DataFrame) -> None:
    json.dumps(compute_rule_regret(results, metric="m", learning_rate=3e-4).to_json(), allow_nan=False)
